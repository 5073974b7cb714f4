#include "registry/schedulers.h"

#include "sched/kist.h"
#include "sched/kist_lite.h"
#include "sched/vanilla.h"

namespace kist {
namespace {

template <typename Policy>
std::unique_ptr<SchedulingPolicy> make() {
  return std::make_unique<Policy>();
}

constexpr SchedulerEntry kSchedulers[] = {
    {"kist", make<Kist>},
    {"kist-lite", make<KistLite>},
    {"vanilla", make<Vanilla>},
};

}  // namespace

std::span<const SchedulerEntry> schedulers() { return kSchedulers; }

const SchedulerEntry* findScheduler(std::string_view name) {
  for (const SchedulerEntry& entry : kSchedulers) {
    if (name == entry.name) return &entry;
  }
  return nullptr;
}

}  // namespace kist
