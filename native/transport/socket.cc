#include "transport/socket.h"

#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace kist {

namespace {

template <typename T>
int setOption(int fd, int level, int name, const T& value) {
  return setsockopt(fd, level, name, &value, sizeof value) == 0 ? 0 : errno;
}

int firstStreamError(int fd, const SocketOptions& options) {
  int error = 0;
  if (options.noDelay) error = setOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (error == 0 && options.keepalive) error = setOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  if (error == 0 && options.userTimeoutMs != 0) {
    error = setOption(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, options.userTimeoutMs);
  }
  if (error == 0 && options.maxSegment != 0)
    error = setOption(fd, IPPROTO_TCP, TCP_MAXSEG, options.maxSegment);
  if (error == 0 && options.maxPacingRate != 0) {
    error = setOption(fd, SOL_SOCKET, SO_MAX_PACING_RATE, options.maxPacingRate);
  }
  if (error == 0 && options.sendBuffer != 0) error = setOption(fd, SOL_SOCKET, SO_SNDBUF, options.sendBuffer);
  if (error == 0 && options.receiveBuffer != 0)
    error = setOption(fd, SOL_SOCKET, SO_RCVBUF, options.receiveBuffer);
  if (error == 0 && !options.congestion.empty()) {
    const socklen_t length = static_cast<socklen_t>(options.congestion.size());
    if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, options.congestion.data(), length) != 0) error = errno;
  }
  return error;
}

Status statusOf(int error) {
  switch (error) {
    case 0:
      return Status::kOk;
    case EINVAL:
    case ENOENT:
    case EPERM:
    case EDOM:
    case EADDRNOTAVAIL:
    case EACCES:
      return Status::kInvalid;
    case EADDRINUSE:
      return Status::kInUse;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return Status::kExhausted;
    default:
      return Status::kError;
  }
}

}  // namespace

Status applyStreamOptions(int fd, const SocketOptions& options, int& error) {
  error = firstStreamError(fd, options);
  return statusOf(error);
}

Status openStream(int family, const SocketOptions& options, int& fd, int& error) {
  error = 0;
  fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    error = errno;
    return statusOf(error);
  }
  const Status status = applyStreamOptions(fd, options, error);
  if (!isOk(status)) {
    close(fd);
    fd = -1;
  }
  return status;
}

Status openListening(const SocketAddress& address, const SocketOptions& options, int& fd, int& error) {
  const Status status = openStream(address.family(), options, fd, error);
  if (!isOk(status)) return status;
  error = setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (error == 0 && options.reusePort) error = setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  // An IPv6 socket takes IPv6 alone, whatever the system's default, so that both families can be opened side
  // by side.
  if (error == 0 && address.family() == AF_INET6) error = setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (error == 0 && bind(fd, address.native(), address.nativeLength()) != 0) error = errno;
  if (error == 0 && listen(fd, options.backlog) != 0) error = errno;
  if (error == 0) return Status::kOk;
  close(fd);
  fd = -1;
  return statusOf(error);
}

Status beginConnect(int fd, const SocketAddress& address, int& error) {
  error = 0;
  if (connect(fd, address.native(), address.nativeLength()) == 0) return Status::kOk;
  // An interrupted connect goes on in the background like a non-blocking one.
  if (errno == EINPROGRESS || errno == EINTR) return Status::kOk;
  error = errno;
  return Status::kError;
}

int takeSocketError(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

Status localAddress(int fd, SocketAddress& address) {
  sockaddr_storage native{};
  socklen_t length = sizeof native;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&native), &length) != 0) return Status::kError;
  return SocketAddress::fromNative(reinterpret_cast<sockaddr*>(&native), length, address);
}

Status peerAddress(int fd, SocketAddress& address) {
  sockaddr_storage native{};
  socklen_t length = sizeof native;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&native), &length) != 0) return Status::kError;
  return SocketAddress::fromNative(reinterpret_cast<sockaddr*>(&native), length, address);
}

bool isConnectedToItself(int fd) {
  SocketAddress local;
  SocketAddress peer;
  return isOk(localAddress(fd, local)) && isOk(peerAddress(fd, peer)) && local == peer;
}

void closeWithReset(int fd) {
  const linger discard{1, 0};
  setOption(fd, SOL_SOCKET, SO_LINGER, discard);
  close(fd);
}

uint64_t raiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (limit.rlim_cur >= limit.rlim_max) return limit.rlim_cur;
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

}  // namespace kist
