#include "loop/reactor_thread.h"

#include <csignal>

namespace kist {

std::unique_ptr<ReactorThread> ReactorThread::create(int& error) {
  std::unique_ptr<EpollLoop> loop = EpollLoop::create(error);
  if (loop == nullptr) return nullptr;
  return std::unique_ptr<ReactorThread>(new ReactorThread(std::move(loop)));
}

Status ReactorThread::start(const std::string& name, int& error) {
  const std::lock_guard<std::mutex> lock(mutex_);
  error = 0;
  if (started_) return Status::kInvalid;
  name_ = name.substr(0, 15);
  sigset_t blocked;
  sigset_t before;
  sigfillset(&blocked);
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS})
    sigdelset(&blocked, signal);
  // Blocked before the thread exists: it inherits the mask, so there is no moment in which it could take a
  // signal.
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  error = pthread_create(&thread_, nullptr, &ReactorThread::main, this);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error != 0) return Status::kError;
  started_ = true;
  joinable_ = true;
  return Status::kOk;
}

void* ReactorThread::main(void* self) {
  ReactorThread& thread = *static_cast<ReactorThread*>(self);
  pthread_setname_np(pthread_self(), thread.name_.c_str());
  thread.loop_->run();
  return nullptr;
}

void ReactorThread::stop() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!joinable_) return;
  KIST_ASSERT(pthread_equal(thread_, pthread_self()) == 0);
  loop_->stop();
  pthread_join(thread_, nullptr);
  joinable_ = false;
  loop_->adopt();
}

bool ReactorThread::isRunning() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return joinable_;
}

}  // namespace kist
