#pragma once

#include "base/log.h"
#include "loop/event_loop.h"
#include "transport/socket.h"

namespace kist {

/// A listening socket on a loop. Hands out accepted sockets (non-blocking, close on exec). Out of descriptors
/// it gives up a reserve descriptor to accept and close a connection, so that peers see an end instead of a
/// hang, and where even that fails it pauses. Logs once per such episode. Not bound to a thread before
/// start(): the control plane opens the socket with openListening() and learns at once why not; a reactor
/// then takes over the descriptor.
class Acceptor final : private EventLoop::FdListener {
 public:
  class Listener {
   public:
    /// `fd` is the receiver's to close. May close or destroy the acceptor.
    virtual void onAccepted(int fd, const SocketAddress& peer) = 0;

   protected:
    ~Listener() = default;
  };

  static constexpr int kAcceptsPerTurn = 64;
  static constexpr TimeNs kPause = 100 * kMillisecond;

  /// Owns `fd`, a listening socket, from now on. `log` may be null.
  Acceptor(EventLoop& loop, int fd, Listener& listener, LogSink* log);
  ~Acceptor() { close(); }
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  Status start();
  /// Stops and resumes accepting; meanwhile connections wait in the backlog.
  void setAccepting(bool enabled);
  /// Idempotent; no call follows.
  void close();

  SocketAddress address() const;
  /// Connections closed at once because there was no descriptor for them.
  uint64_t shedConnections() const { return shed_; }

 private:
  enum class Outcome : uint8_t { kGoOn, kDone, kPause };

  void onFdEvents(uint32_t events) override;
  Outcome acceptOne();
  Outcome handleError(int error);
  Outcome shed();
  void openReserve();
  void noteEpisode(const char* what, int error);
  void pause();
  uint32_t wantedEvents() const;
  void updateInterest();

  EventLoop& loop_;
  Listener& listener_;
  LogSink* log_;
  int fd_;
  int reserveFd_ = -1;
  bool isWatched_ = false;
  bool accepting_ = true;
  bool inEpisode_ = false;
  uint64_t shed_ = 0;
  bool* closed_ = nullptr;  ///< Set by close() while onFdEvents runs.
  Timer pauseTimer_;
};

}  // namespace kist
