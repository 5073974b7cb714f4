#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "support_plane.h"

namespace kist {

/// A listening socket on loopback with a port of the system's choice.
inline int listenOnLoopback(uint16_t& port, int receiveBuffer = 0) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (receiveBuffer > 0) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, sizeof receiveBuffer);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(listen(fd, 64) == 0);
  socklen_t length = sizeof address;
  REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0);
  port = ntohs(address.sin_port);
  return fd;
}

/// Echoes what it reads, on a thread of its own, until told to stop.
class EchoServer {
 public:
  EchoServer() : listening_(listenOnLoopback(port)) {
    thread_ = std::thread([this] { run(); });
  }
  ~EchoServer() {
    stop_ = true;
    thread_.join();
    ::close(listening_);
  }
  uint16_t port = 0;

 private:
  void run() {
    std::vector<pollfd> sockets{{listening_, POLLIN, 0}};
    Bytes buffer(16 * 1024);
    while (!stop_) {
      if (poll(sockets.data(), sockets.size(), 20) <= 0) continue;
      for (size_t i = sockets.size(); i-- > 1;) {
        if (sockets[i].revents != 0 && !echo(sockets[i].fd, buffer))
          sockets.erase(sockets.begin() + static_cast<long>(i));
      }
      if ((sockets[0].revents & POLLIN) == 0) continue;
      const int fd = accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd >= 0) sockets.push_back({fd, POLLIN, 0});
    }
    for (size_t i = 1; i < sockets.size(); ++i) ::close(sockets[i].fd);
  }
  static bool echo(int fd, Bytes& buffer) {
    const ssize_t count = recv(fd, buffer.data(), buffer.size(), 0);
    if (count > 0 && send(fd, buffer.data(), static_cast<size_t>(count), MSG_NOSIGNAL) == count) return true;
    ::close(fd);
    return false;
  }

  int listening_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace kist
