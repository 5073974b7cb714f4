#pragma once

#include <cerrno>
#include <memory>

#include "base/clock.h"
#include "loop/event_loop.h"
#include "transport/socket.h"
#include "transport/transport.h"

namespace kist {

/// Plain TCP. States: new -> (connecting ->) open -> failed or closed. Level-triggered; interest changes made
/// inside an upward call are written to epoll once, after it. Needs a loop with descriptors (EpollLoop).
class TcpTransport final : public Transport, private EventLoop::FdListener {
 public:
  /// Begins to connect; `deadline` on the loop's clock, kNever for none (then the kernel's). Null with
  /// `status` and `error` (errno) when that fails at once. A connection refused, or one past the deadline
  /// (ETIMEDOUT), comes as onTransportFailed.
  static std::unique_ptr<TcpTransport> connect(EventLoop& loop, const SocketAddress& address,
                                               const SocketOptions& options, TimeNs deadline, Status& status,
                                               int& error);
  /// Takes over an accepted socket, closing it with this object.
  static std::unique_ptr<TcpTransport> accept(EventLoop& loop, int fd, const SocketOptions& options);
  ~TcpTransport() override;

  const char* name() const override { return "tcp"; }
  Status start(Listener& listener) override;
  IoResult read(MutableByteSpan into) override;
  IoResult write(const iovec* parts, int count) override;
  uint64_t queuedBytes() const override { return 0; }
  uint64_t wireBytes(uint64_t bytes) const override { return bytes; }
  bool hasBufferedInput() const override { return false; }
  void setReading(bool enabled) override;
  void watchWritable() override;
  int fd() const override { return fd_; }
  bool ownTcpInfo(TcpInfo& /*info*/) const override { return false; }
  bool setNotsentLowat(uint32_t bytes) override;
  Status shutdownWrite() override;
  void close(bool reset) override;

 private:
  enum class State : uint8_t { kConnecting, kOpen, kFailed, kClosed };

  TcpTransport(EventLoop& loop, int fd, State state, TimeNs deadline);
  void onFdEvents(uint32_t events) override;
  void onTimer();
  void handleConnecting(uint32_t events);
  void handleOpen(uint32_t events);
  void fail(int error);
  uint32_t wantedEvents() const;
  void updateInterest();
  void dropInterest();
  IoResult send(const iovec* parts, int count);
  IoResult sendRest(const iovec* parts, int count, size_t sent);

  EventLoop& loop_;
  Listener* listener_ = nullptr;
  int fd_;
  State state_;
  bool reading_ = true;
  bool writableArmed_ = false;
  bool ended_ = false;  ///< read() saw the far side's end.
  bool hungUp_ =
      false;  ///< Both directions ended: epoll would report it for ever, so not watched but for reading.
  bool inEvent_ = false;
  bool lowatSet_ = false;
  uint32_t watched_ = 0;  ///< Mask epoll has; kNotWatched when none.
  bool isWatched_ = false;
  bool* destroyed_ = nullptr;  ///< Set by the destructor when an upward call destroys this object.
  TimeNs deadline_;
  int lateError_ = ETIMEDOUT;  ///< What the timer reports: the deadline, or a watch that failed.
  Timer timer_;
};

}  // namespace kist
