#include "loop/timer.h"

#include "base/assert.h"

namespace kist {

Timer::~Timer() {
  cancel();
  if (queue_.firing_ == this) queue_.firing_ = nullptr;
}

void Timer::arm(TimeNs at) {
  cancel();
  at_ = at;
  queue_.insert(*this);
}

void Timer::cancel() {
  if (isArmed()) queue_.remove(*this);
}

void TimerQueue::fireDue(TimeNs now) {
  KIST_ASSERT(!isFiring_);
  isFiring_ = true;
  firingNow_ = now;
  while (!heap_.empty() && heap_[0]->at_ <= now) {
    Timer* timer = heap_[0];
    remove(*timer);
    firing_ = timer;
    // The callback may destroy its timer, so it must not run out of the timer's own storage.
    Timer::Callback callback = std::move(timer->callback_);
    callback();
    if (firing_ != nullptr) timer->callback_ = std::move(callback);
  }
  firing_ = nullptr;
  isFiring_ = false;
  deferredCount_ = 0;
  for (Timer* timer : deferred_) {
    if (timer == nullptr) continue;
    timer->index_ = Timer::kNotArmed;
    insert(*timer);
  }
  deferred_.clear();
}

void TimerQueue::insert(Timer& timer) {
  if (isFiring_ && timer.at_ <= firingNow_) {
    timer.index_ = Timer::kDeferred | static_cast<uint32_t>(deferred_.size());
    deferred_.push_back(&timer);
    ++deferredCount_;
    return;
  }
  timer.order_ = nextOrder_++;
  heap_.push_back(&timer);
  timer.index_ = static_cast<uint32_t>(heap_.size() - 1);
  siftUp(timer.index_);
}

void TimerQueue::remove(Timer& timer) {
  const uint32_t index = timer.index_;
  timer.index_ = Timer::kNotArmed;
  if ((index & Timer::kDeferred) != 0) {
    deferred_[index & ~Timer::kDeferred] = nullptr;
    --deferredCount_;
    return;
  }
  Timer* last = heap_.back();
  heap_.pop_back();
  if (last == &timer) return;
  place(index, last);
  siftUp(index);
  siftDown(last->index_);
}

void TimerQueue::siftUp(uint32_t index) {
  Timer* timer = heap_[index];
  while (index > 0) {
    const uint32_t parent = (index - 1) / 2;
    if (!isBefore(*timer, *heap_[parent])) break;
    place(index, heap_[parent]);
    index = parent;
  }
  place(index, timer);
}

void TimerQueue::siftDown(uint32_t index) {
  Timer* timer = heap_[index];
  const uint32_t size = static_cast<uint32_t>(heap_.size());
  while (true) {
    uint32_t child = index * 2 + 1;
    if (child >= size) break;
    if (child + 1 < size && isBefore(*heap_[child + 1], *heap_[child])) ++child;
    if (!isBefore(*heap_[child], *timer)) break;
    place(index, heap_[child]);
    index = child;
  }
  place(index, timer);
}

void TimerQueue::place(uint32_t index, Timer* timer) {
  heap_[index] = timer;
  timer->index_ = index;
}

bool TimerQueue::isBefore(const Timer& a, const Timer& b) {
  return a.at_ != b.at_ ? a.at_ < b.at_ : a.order_ < b.order_;
}

}  // namespace kist
