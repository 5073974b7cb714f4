#include "loop/epoll_loop.h"

#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace kist {

namespace {

/// One thread alone writes these, so a plain load and store do.
void bump(std::atomic<uint64_t>& counter, uint64_t by = 1) {
  counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

Status statusOf(int error) {
  switch (error) {
    case EBADF:
    case EPERM:
      return Status::kInvalid;
    case EEXIST:
      return Status::kInUse;
    case ENOMEM:
    case ENOSPC:
      return Status::kExhausted;
    default:
      return Status::kError;
  }
}

}  // namespace

std::unique_ptr<EpollLoop> EpollLoop::create(int& error) {
  std::unique_ptr<EpollLoop> loop(new EpollLoop());
  error = loop->open();
  if (error != 0) return nullptr;
  loop->refreshNow();
  return loop;
}

EpollLoop::~EpollLoop() {
  if (wakeFd_ >= 0) close(wakeFd_);
  if (timerFd_ >= 0) close(timerFd_);
  if (epollFd_ >= 0) close(epollFd_);
}

int EpollLoop::open() {
  epollFd_ = epoll_create1(EPOLL_CLOEXEC);
  if (epollFd_ < 0) return errno;
  timerFd_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (timerFd_ < 0) return errno;
  wakeFd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wakeFd_ < 0) return errno;
  // Edge-triggered, so that neither has ever to be read: each write to an eventfd and each expiry is an edge.
  const int error = addOwn(timerFd_, EPOLLIN | EPOLLET);
  return error != 0 ? error : addOwn(wakeFd_, EPOLLIN | EPOLLET);
}

int EpollLoop::addOwn(int fd, uint32_t events) { return control(EPOLL_CTL_ADD, fd, events, kOwn); }

int EpollLoop::control(int operation, int fd, uint32_t events, uint32_t generation) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = static_cast<uint64_t>(generation) << 32 | static_cast<uint32_t>(fd);
  bump(counters_.systemCalls);
  return epoll_ctl(epollFd_, operation, fd, &event) == 0 ? 0 : errno;
}

TimeNs EpollLoop::refreshNow() {
  now_ = SystemClock().now();
  return now_;
}

Status EpollLoop::watch(int fd, uint32_t events, FdListener& listener) {
  assertInLoop();
  if (fd < 0) return Status::kInvalid;
  const size_t index = static_cast<size_t>(fd);
  if (index < watches_.size() && watches_[index].listener != nullptr) return Status::kInUse;
  const uint32_t generation = nextGeneration_;
  const int error = control(EPOLL_CTL_ADD, fd, events, generation);
  if (error != 0) return statusOf(error);
  nextGeneration_ = nextGeneration_ == UINT32_MAX ? 1 : nextGeneration_ + 1;
  if (index >= watches_.size()) watches_.resize(std::max(index + 1, watches_.size() * 2));
  watches_[index] = Watch{&listener, generation, events};
  return Status::kOk;
}

Status EpollLoop::modify(int fd, uint32_t events, FdListener& listener) {
  assertInLoop();
  const size_t index = static_cast<size_t>(fd);
  if (fd < 0 || index >= watches_.size() || watches_[index].listener == nullptr) return Status::kInvalid;
  Watch& watch = watches_[index];
  const int error = control(EPOLL_CTL_MOD, fd, events, watch.generation);
  if (error != 0) return statusOf(error);
  watch.listener = &listener;
  watch.events = events;
  return Status::kOk;
}

void EpollLoop::unwatch(int fd) {
  assertInLoop();
  const size_t index = static_cast<size_t>(fd);
  if (fd < 0 || index >= watches_.size() || watches_[index].listener == nullptr) return;
  watches_[index].listener = nullptr;
  control(EPOLL_CTL_DEL, fd, 0, 0);
}

void EpollLoop::post(Task task) {
  tasks_.push(std::move(task));
  if (!isInLoop()) wake();
}

void EpollLoop::wake() {
  if (!sleepFlag_.claimWake()) return;
  counters_.wakeWrites.fetch_add(1, std::memory_order_relaxed);
  const uint64_t one = 1;
  // EAGAIN (a full counter) cannot be missed as a wake: the descriptor is readable then.
  while (write(wakeFd_, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

LoopStats EpollLoop::stats() const {
  LoopStats stats;
  stats.turns = counters_.turns.load(std::memory_order_relaxed);
  stats.sleeps = counters_.sleeps.load(std::memory_order_relaxed);
  stats.systemCalls = counters_.systemCalls.load(std::memory_order_relaxed);
  stats.fdEvents = counters_.fdEvents.load(std::memory_order_relaxed);
  stats.tasks = counters_.tasks.load(std::memory_order_relaxed);
  stats.wakeWrites = counters_.wakeWrites.load(std::memory_order_relaxed);
  return stats;
}

void EpollLoop::run() {
  adopt();
  while (!stopping_.load(std::memory_order_seq_cst)) turn(kNever);
}

void EpollLoop::stop() {
  stopping_.store(true, std::memory_order_seq_cst);
  wake();
}

void EpollLoop::runOnce(TimeNs maxWait) {
  assertInLoop();
  turn(maxWait);
}

void EpollLoop::turn(TimeNs maxWait) {
  bump(counters_.turns);
  int count;
  // Announcing a sleep invites a wake-up, so not where it is plain that there will be none.
  if (workLeft_ || maxWait <= 0 || timers_.nextAt() <= now_ || !tasks_.seemsEmpty()) {
    count = wait(0);
  } else {
    sleepFlag_.announceSleep();
    if (mayStayAsleep()) {
      armTimerFd();
      bump(counters_.sleeps);
      count = wait(maxWait);
      sleepFlag_.endSleep();
    } else {
      sleepFlag_.endSleep();
      count = wait(0);
    }
  }
  refreshNow();
  deliver(count);
  timers_.fireDue(now_);
  bump(counters_.tasks, tasks_.runAll());
  workLeft_ = turnListener_ != nullptr && turnListener_->onTurnEnd();
}

/// The last look for work after the sleep was announced. The listener may arm timers and post.
bool EpollLoop::mayStayAsleep() {
  if (turnListener_ != nullptr && !turnListener_->onBeforeSleep()) return false;
  if (stopping_.load(std::memory_order_seq_cst)) return false;
  return tasks_.isEmpty() && timers_.nextAt() > now_;
}

void EpollLoop::armTimerFd() {
  const TimeNs next = timers_.nextAt();
  if (next == armedAt_) return;
  itimerspec spec{};
  if (next != kNever) {
    spec.it_value.tv_sec = next / kSecond;
    spec.it_value.tv_nsec = next % kSecond;
  }
  bump(counters_.systemCalls);
  KIST_ASSERT(timerfd_settime(timerFd_, TFD_TIMER_ABSTIME, &spec, nullptr) == 0);
  armedAt_ = next;
}

int EpollLoop::wait(TimeNs maxWait) {
  int timeout = -1;
  if (maxWait < kNever) {
    const TimeNs milliseconds = (maxWait + kMillisecond - 1) / kMillisecond;
    timeout = static_cast<int>(std::min<TimeNs>(milliseconds, 1'000'000));
  }
  bump(counters_.systemCalls);
  const int count = epoll_wait(epollFd_, batch_, kBatch, timeout);
  KIST_ASSERT(count >= 0 || errno == EINTR);
  return std::max(count, 0);
}

void EpollLoop::deliver(int count) {
  for (int i = 0; i < count; ++i) deliverOne(batch_[i]);
}

void EpollLoop::deliverOne(const epoll_event& event) {
  const uint32_t generation = static_cast<uint32_t>(event.data.u64 >> 32);
  const int fd = static_cast<int>(event.data.u64 & UINT32_MAX);
  if (generation == kOwn) {
    if (fd == timerFd_) armedAt_ = kNever;  // It fires once, then stands disarmed.
    return;
  }
  // An earlier listener of this batch may have unwatched this descriptor, watched it anew or narrowed its
  // mask.
  const Watch& watch = watches_[static_cast<size_t>(fd)];
  if (watch.listener == nullptr || watch.generation != generation) return;
  const uint32_t events = event.events & (watch.events | EPOLLERR | EPOLLHUP);
  if (events == 0) return;
  bump(counters_.fdEvents);
  watch.listener->onFdEvents(events);
}

}  // namespace kist
