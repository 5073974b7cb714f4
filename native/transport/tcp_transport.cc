#include "transport/tcp_transport.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace kist {

namespace {

/// Parts of one send; a caller with more sends the rest in the next call.
constexpr int kMaxParts = 64;

IoResult failedIo(int error) {
  const bool nothingNow = error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS || error == ENOMEM;
  return nothingNow ? IoResult{0, Status::kWouldBlock, 0} : IoResult{0, Status::kError, error};
}

}  // namespace

std::unique_ptr<TcpTransport> TcpTransport::connect(EventLoop& loop, const SocketAddress& address,
                                                    const SocketOptions& options, TimeNs deadline,
                                                    Status& status, int& error) {
  int fd = -1;
  status = openStream(address.family(), options, fd, error);
  if (!isOk(status)) return nullptr;
  status = beginConnect(fd, address, error);
  if (!isOk(status)) {
    ::close(fd);
    return nullptr;
  }
  return std::unique_ptr<TcpTransport>(new TcpTransport(loop, fd, State::kConnecting, deadline));
}

std::unique_ptr<TcpTransport> TcpTransport::accept(EventLoop& loop, int fd, const SocketOptions& options) {
  // Options that the peer's haste made impossible (it may be gone by now) show as errors of the first read.
  int error = 0;
  applyStreamOptions(fd, options, error);
  return std::unique_ptr<TcpTransport>(new TcpTransport(loop, fd, State::kOpen, kNever));
}

TcpTransport::TcpTransport(EventLoop& loop, int fd, State state, TimeNs deadline)
    : loop_(loop), fd_(fd), state_(state), deadline_(deadline), timer_(loop.timers(), [this] {
        onTimer();
      }) {}

TcpTransport::~TcpTransport() {
  close(false);
  if (destroyed_ != nullptr) *destroyed_ = true;
}

Status TcpTransport::start(Listener& listener) {
  loop_.assertInLoop();
  if (state_ == State::kClosed) return Status::kClosed;
  if (listener_ != nullptr) return Status::kInvalid;
  const uint32_t events = wantedEvents();
  const Status status = loop_.watch(fd_, events, *this);
  if (!isOk(status)) return status;
  listener_ = &listener;
  isWatched_ = true;
  watched_ = events;
  if (state_ == State::kConnecting && deadline_ != kNever) timer_.arm(deadline_);
  return Status::kOk;
}

IoResult TcpTransport::read(MutableByteSpan into) {
  loop_.assertInLoop();
  if (state_ == State::kClosed || ended_) return {0, Status::kClosed, 0};
  if (state_ == State::kConnecting || into.empty()) return {0, Status::kWouldBlock, 0};
  ssize_t count;
  do {
    count = recv(fd_, into.data(), into.size(), MSG_DONTWAIT);
  } while (count < 0 && errno == EINTR);
  if (count > 0) return {static_cast<size_t>(count), Status::kOk, 0};
  if (count < 0) return failedIo(errno);
  ended_ = true;
  updateInterest();
  return {0, Status::kClosed, 0};
}

IoResult TcpTransport::write(const iovec* parts, int count) {
  loop_.assertInLoop();
  if (state_ == State::kClosed) return {0, Status::kClosed, 0};
  if (state_ == State::kConnecting || count <= 0) return {0, Status::kWouldBlock, 0};
  count = std::min(count, kMaxParts);
  size_t total = 0;
  for (int i = 0; i < count; ++i) total += parts[i].iov_len;
  if (total == 0) return {0, Status::kWouldBlock, 0};
  IoResult result = send(parts, count);
  // TCP_NOTSENT_LOWAT caps what one send takes although the kernel then sends at once: a second one takes
  // more.
  if (result.status == Status::kOk && result.bytes < total && lowatSet_) {
    const IoResult more = sendRest(parts, count, result.bytes);
    if (more.status == Status::kOk) result.bytes += more.bytes;
  }
  return result;
}

IoResult TcpTransport::send(const iovec* parts, int count) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts);
  message.msg_iovlen = static_cast<size_t>(count);
  ssize_t sent;
  do {
    sent = sendmsg(fd_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return failedIo(errno);
  return {static_cast<size_t>(sent), sent > 0 ? Status::kOk : Status::kWouldBlock, 0};
}

IoResult TcpTransport::sendRest(const iovec* parts, int count, size_t sent) {
  iovec rest[kMaxParts];
  int used = 0;
  for (int i = 0; i < count; ++i) {
    if (sent >= parts[i].iov_len) {
      sent -= parts[i].iov_len;
      continue;
    }
    rest[used].iov_base = static_cast<uint8_t*>(parts[i].iov_base) + sent;
    rest[used].iov_len = parts[i].iov_len - sent;
    sent = 0;
    ++used;
  }
  return send(rest, used);
}

void TcpTransport::setReading(bool enabled) {
  loop_.assertInLoop();
  if (reading_ == enabled) return;
  reading_ = enabled;
  updateInterest();
}

void TcpTransport::watchWritable() {
  loop_.assertInLoop();
  if (writableArmed_) return;
  writableArmed_ = true;
  updateInterest();
}

bool TcpTransport::setNotsentLowat(uint32_t bytes) {
  if (fd_ < 0) return false;
  lowatSet_ = setsockopt(fd_, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes) == 0;
  return lowatSet_;
}

Status TcpTransport::shutdownWrite() {
  loop_.assertInLoop();
  if (state_ != State::kOpen) return Status::kClosed;
  return shutdown(fd_, SHUT_WR) == 0 ? Status::kOk : Status::kError;
}

void TcpTransport::close(bool reset) {
  if (state_ == State::kClosed) return;
  dropInterest();
  timer_.cancel();
  state_ = State::kClosed;
  if (reset) {
    closeWithReset(fd_);
  } else {
    ::close(fd_);
  }
  fd_ = -1;
}

void TcpTransport::onFdEvents(uint32_t events) {
  bool destroyed = false;
  destroyed_ = &destroyed;
  inEvent_ = true;
  if (state_ == State::kConnecting) {
    handleConnecting(events);
  } else {
    handleOpen(events);
  }
  if (destroyed) return;
  destroyed_ = nullptr;
  inEvent_ = false;
  updateInterest();
}

void TcpTransport::onTimer() {
  bool destroyed = false;
  destroyed_ = &destroyed;
  fail(lateError_);
  if (!destroyed) destroyed_ = nullptr;
}

void TcpTransport::handleConnecting(uint32_t events) {
  if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0) return;
  int error = takeSocketError(fd_);
  if (error == 0 && (events & EPOLLHUP) != 0 && (events & EPOLLOUT) == 0) error = ECONNABORTED;
  if (error == 0 && isConnectedToItself(fd_)) error = ECONNREFUSED;
  if (error != 0) return fail(error);
  timer_.cancel();
  state_ = State::kOpen;
  listener_->onTransportConnected();
}

/// EPOLLERR and EPOLLHUP cannot be masked: while reading they show as input (read() tells what happened),
/// otherwise an error fails the transport and a mere end of both directions is set aside until reading
/// resumes.
void TcpTransport::handleOpen(uint32_t events) {
  const bool* destroyed = destroyed_;
  const bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
  if (broken && (!reading_ || ended_)) {
    const int error = (events & EPOLLERR) != 0 ? takeSocketError(fd_) : 0;
    if (error != 0) return fail(error);
    hungUp_ = true;
  } else if (reading_ && !ended_ && (broken || (events & EPOLLIN) != 0)) {
    listener_->onTransportReadable();
    if (*destroyed || state_ != State::kOpen) return;
  }
  if (writableArmed_ && (broken || (events & EPOLLOUT) != 0)) {
    writableArmed_ = false;
    listener_->onTransportWritable();
  }
}

void TcpTransport::fail(int error) {
  dropInterest();
  timer_.cancel();
  state_ = State::kFailed;
  listener_->onTransportFailed(error);
}

uint32_t TcpTransport::wantedEvents() const {
  if (state_ == State::kConnecting) return EPOLLOUT;
  const uint32_t in = reading_ && !ended_ ? static_cast<uint32_t>(EPOLLIN) : 0u;
  const uint32_t out = writableArmed_ ? static_cast<uint32_t>(EPOLLOUT) : 0u;
  return in | out;
}

void TcpTransport::updateInterest() {
  if (inEvent_ || listener_ == nullptr || (state_ != State::kConnecting && state_ != State::kOpen)) return;
  const uint32_t events = wantedEvents();
  if (hungUp_ && events == 0) return dropInterest();
  Status status = Status::kOk;
  if (!isWatched_) {
    status = loop_.watch(fd_, events, *this);
  } else if (events != watched_) {
    status = loop_.modify(fd_, events, *this);
  }
  watched_ = events;
  if (isOk(status)) {
    isWatched_ = true;
    return;
  }
  // The kernel lacks memory for the watch: told from the loop, as the caller may be the listener itself.
  lateError_ = ENOMEM;
  timer_.arm(loop_.now());
}

void TcpTransport::dropInterest() {
  if (isWatched_) loop_.unwatch(fd_);
  isWatched_ = false;
}

}  // namespace kist
