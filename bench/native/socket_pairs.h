#pragma once

#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace kist {

/// Ends the program with a sentence and, where there is one, the error of the last system call.
[[noreturn]] inline void fail(const std::string& what, int error = 0) {
  std::fprintf(stderr, "%s%s%s\n", what.c_str(), error == 0 ? "" : ": errno ",
               error == 0 ? "" : std::to_string(error).c_str());
  std::exit(1);
}

template <typename T>
void setOption(int fd, int level, int name, const T& value, const char* what) {
  if (setsockopt(fd, level, name, &value, sizeof value) != 0) fail(what, errno);
}

/// Connected TCP pairs on loopback with the segment size of an Ethernet: the write limit of a socket with
/// loopback's own would be over a megabyte.
class SocketPairs {
 public:
  static constexpr int kMaxSegment = 1448;

  explicit SocketPairs(const char* congestion) : congestion_(congestion) {
    listening_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // Smallest receive buffer, inherited by the accepted side: it fills at once and the window closes.
    setOption(listening_, SOL_SOCKET, SO_RCVBUF, 4096, "SO_RCVBUF");
    setOption(listening_, IPPROTO_TCP, TCP_MAXSEG, kMaxSegment, "TCP_MAXSEG");
    socklen_t length = sizeof address_;
    if (bind(listening_, reinterpret_cast<sockaddr*>(&address_), length) != 0 ||
        listen(listening_, 1024) != 0) {
      fail("listen", errno);
    }
    getsockname(listening_, reinterpret_cast<sockaddr*>(&address_), &length);
  }
  ~SocketPairs() {
    for (const int fd : far_) close(fd);
    close(listening_);
  }
  SocketPairs(const SocketPairs&) = delete;
  SocketPairs& operator=(const SocketPairs&) = delete;

  /// The near end of a new pair, non-blocking; it is the caller's to close. Nobody reads the far end.
  int open() {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("socket", errno);
    setOption(fd, IPPROTO_TCP, TCP_MAXSEG, kMaxSegment, "TCP_MAXSEG");
    setOption(fd, SOL_SOCKET, SO_SNDBUF, 128 * 1024, "SO_SNDBUF");
    if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion_.data(),
                   static_cast<socklen_t>(congestion_.size())) != 0) {
      fail("TCP_CONGESTION " + congestion_, errno);
    }
    if (connect(fd, reinterpret_cast<sockaddr*>(&address_), sizeof address_) != 0) fail("connect", errno);
    const int far = accept4(listening_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (far < 0) fail("accept", errno);
    far_.push_back(far);
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) fail("O_NONBLOCK", errno);
    return fd;
  }

 private:
  std::string congestion_;
  sockaddr_in address_{};
  int listening_ = -1;
  std::vector<int> far_;
};

inline bool readTcpInfo(int fd, tcp_info& info) {
  socklen_t length = sizeof info;
  return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0;
}

/// True when the kernel's figures give KIST's limit 0: two windows and more wait unsent, nothing is read.
inline bool isFull(int fd) {
  tcp_info info;
  if (!readTcpInfo(fd, info)) return false;
  const uint64_t window = uint64_t{info.tcpi_snd_cwnd} * info.tcpi_snd_mss;
  return info.tcpi_notsent_bytes >= 2 * window;
}

/// Sends until the kernel takes no more.
inline void fillSocket(int fd) {
  static const char zeros[65536] = {};
  while (send(fd, zeros, sizeof zeros, MSG_NOSIGNAL | MSG_DONTWAIT) > 0) {
  }
  if (errno != EAGAIN && errno != EWOULDBLOCK) fail("send", errno);
}

/// `count` near ends whose limit is 0. What is in flight at first becomes unsent once the window closed, so
/// it takes a few moments and sends.
inline std::vector<int> openFull(SocketPairs& pairs, size_t count) {
  std::vector<int> fds;
  for (size_t i = 0; i < count; ++i) fds.push_back(pairs.open());
  for (int attempt = 0; attempt < 100; ++attempt) {
    size_t full = 0;
    for (const int fd : fds) {
      fillSocket(fd);
      full += isFull(fd) ? 1 : 0;
    }
    if (full == count) return fds;
    usleep(20'000);
  }
  fail("the sockets did not fill: their limit is not 0");
}

}  // namespace kist
