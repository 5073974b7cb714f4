#pragma once

#include <pthread.h>

#include <memory>
#include <mutex>
#include <string>

#include "loop/epoll_loop.h"

namespace kist {

/// A thread that runs an EpollLoop. All signals are blocked in it (but those of a crash), so the host program
/// gets them. Everything bound to the loop is set up before start(), or by post(); after stop() the stopping
/// thread owns the loop.
class ReactorThread {
 public:
  /// Null when the loop cannot be made; `error` is the errno.
  static std::unique_ptr<ReactorThread> create(int& error);
  ~ReactorThread() { stop(); }

  EpollLoop& loop() { return *loop_; }
  /// Starts the thread under `name` (15 bytes are kept). kInvalid when it was started before; kError: see
  /// `error`.
  Status start(const std::string& name, int& error);
  void post(EventLoop::Task task) { loop_->post(std::move(task)); }
  /// Ends the loop after its current turn and joins. Idempotent; any thread but the reactor's own.
  void stop();
  bool isRunning();

 private:
  explicit ReactorThread(std::unique_ptr<EpollLoop> loop) : loop_(std::move(loop)) {}
  static void* main(void* self);

  std::unique_ptr<EpollLoop> loop_;
  std::string name_;
  std::mutex mutex_;  ///< Of starting and stopping.
  pthread_t thread_{};
  bool started_ = false;
  bool joinable_ = false;
};

}  // namespace kist
