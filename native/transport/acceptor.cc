#include "transport/acceptor.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace kist {

Acceptor::Acceptor(EventLoop& loop, int fd, Listener& listener, LogSink* log)
    : loop_(loop), listener_(listener), log_(log), fd_(fd), pauseTimer_(loop.timers(), [this] {
        updateInterest();
      }) {}

Status Acceptor::start() {
  if (fd_ < 0) return Status::kClosed;
  if (isWatched_) return Status::kInvalid;
  const Status status = loop_.watch(fd_, wantedEvents(), *this);
  if (!isOk(status)) return status;
  isWatched_ = true;
  openReserve();
  return Status::kOk;
}

void Acceptor::setAccepting(bool enabled) {
  accepting_ = enabled;
  updateInterest();
}

void Acceptor::close() {
  if (fd_ < 0) return;
  if (isWatched_) loop_.unwatch(fd_);
  isWatched_ = false;
  pauseTimer_.cancel();
  ::close(fd_);
  fd_ = -1;
  if (reserveFd_ >= 0) ::close(reserveFd_);
  reserveFd_ = -1;
  if (closed_ != nullptr) *closed_ = true;
}

SocketAddress Acceptor::address() const {
  SocketAddress address;
  if (fd_ >= 0) localAddress(fd_, address);
  return address;
}

void Acceptor::onFdEvents(uint32_t /*events*/) {
  bool closed = false;
  closed_ = &closed;
  Outcome outcome = Outcome::kGoOn;
  for (int i = 0; i < kAcceptsPerTurn && outcome == Outcome::kGoOn && accepting_; ++i) {
    outcome = acceptOne();
    if (closed) return;
  }
  closed_ = nullptr;
  if (outcome == Outcome::kPause) pause();
}

Acceptor::Outcome Acceptor::acceptOne() {
  sockaddr_storage native{};
  socklen_t length = sizeof native;
  const int fd = accept4(fd_, reinterpret_cast<sockaddr*>(&native), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return handleError(errno);
  SocketAddress peer;
  SocketAddress::fromNative(reinterpret_cast<sockaddr*>(&native), length, peer);
  inEpisode_ = false;
  listener_.onAccepted(fd, peer);
  return Outcome::kGoOn;
}

Acceptor::Outcome Acceptor::handleError(int error) {
  switch (error) {
    case EAGAIN:
      return Outcome::kDone;
    // The connection, not the listening socket, is at fault (accept(2) passes network errors on).
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENOPROTOOPT:
    case ENONET:
    case EPERM:
      return Outcome::kGoOn;
    case EMFILE:
    case ENFILE:
      noteEpisode("no descriptor left for a new connection", error);
      return shed();
    default:
      noteEpisode("cannot accept", error);
      return Outcome::kPause;
  }
}

Acceptor::Outcome Acceptor::shed() {
  if (reserveFd_ < 0) openReserve();
  if (reserveFd_ < 0) return Outcome::kPause;
  ::close(reserveFd_);
  reserveFd_ = -1;
  const int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
  const int error = fd < 0 ? errno : 0;
  if (fd >= 0) {
    ::close(fd);
    ++shed_;
  }
  openReserve();
  if (error == EAGAIN) return Outcome::kDone;
  // Another thread may have taken the descriptor that was freed.
  return error == EMFILE || error == ENFILE || reserveFd_ < 0 ? Outcome::kPause : Outcome::kGoOn;
}

void Acceptor::openReserve() { reserveFd_ = open("/dev/null", O_RDONLY | O_CLOEXEC); }

void Acceptor::noteEpisode(const char* what, int error) {
  if (inEpisode_) return;
  inEpisode_ = true;
  logTo(log_, LogLevel::kWarn, "%s: %s (%s)", address().toString().c_str(), what, std::strerror(error));
}

void Acceptor::pause() {
  pauseTimer_.arm(loop_.now() + kPause);
  updateInterest();
}

uint32_t Acceptor::wantedEvents() const {
  return accepting_ && !pauseTimer_.isArmed() ? static_cast<uint32_t>(EPOLLIN) : 0u;
}

void Acceptor::updateInterest() {
  if (isWatched_) loop_.modify(fd_, wantedEvents(), *this);
}

}  // namespace kist
