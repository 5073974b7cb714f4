#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "sched/pending_heap.h"
#include "scheduler_kit.h"

using namespace kist;

TEST_CASE("the heap of channels gives the lowest key, and the lowest but one, whatever happened") {
  sim::ScriptedScheduler kit;
  std::vector<SchedulableChannel*> channels;
  for (int i = 0; i < 100; ++i) channels.push_back(kit.channel(kit.addChannel()));
  std::vector<PriorityKey> keys(channels.size());
  std::mt19937 random(11);
  const auto roll = [&](uint32_t sides) { return static_cast<uint32_t>(random() % sides); };
  PendingHeap heap;
  for (int step = 0; step < 20'000; ++step) {
    // Often the top itself leaves, as in a run: an element that stands too low is then found out.
    const bool takeTop = roll(4) == 0 && !heap.isEmpty();
    const uint32_t i = takeTop ? static_cast<uint32_t>(heap.top()->id() - 1) : roll(100);
    SchedulableChannel& channel = *channels[i];
    if (!heap.contains(channel)) {
      keys[i] = PriorityKey{static_cast<double>(roll(40)), roll(10), i};
      heap.insert(channel, keys[i]);
    } else if (takeTop || roll(3) == 0) {
      heap.remove(channel);
    } else {
      keys[i] = PriorityKey{static_cast<double>(roll(40)), roll(10), i};
      heap.update(channel, keys[i]);
    }
    std::vector<PriorityKey> sorted;
    for (size_t n = 0; n < channels.size(); ++n) {
      if (heap.contains(*channels[n])) sorted.push_back(keys[n]);
    }
    std::sort(sorted.begin(), sorted.end());
    REQUIRE(heap.size() == sorted.size());
    if (sorted.empty()) continue;
    REQUIRE(heap.topKey() == sorted[0]);
    REQUIRE(heap.top()->id() == sorted[0].handle + 1);
    const PriorityKey* other = heap.bestKeyBut(*heap.top());
    REQUIRE((other != nullptr) == (sorted.size() > 1));
    if (other != nullptr) REQUIRE(*other == sorted[1]);
  }
  heap.clear();
  CHECK_FALSE(heap.contains(*channels[0]));
}
