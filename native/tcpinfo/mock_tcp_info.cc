#include "tcpinfo/mock_tcp_info.h"

#include <algorithm>

namespace kist {
namespace {

/// The log of a long run must not eat the memory; nobody reads further than this.
constexpr size_t kMaxCalls = 1'000'000;

}  // namespace

Status MockTcpInfo::read(const TcpInfoTarget& target, TcpInfo& info) {
  const TimeNs now = clock_.now();
  const Answer* answer = &default_;
  if (const auto found = entries_.find(target.channel); found != entries_.end()) {
    for (const Entry& entry : found->second) {
      if (entry.from > now) break;
      answer = &entry.answer;
    }
  }
  if (calls_.size() < kMaxCalls) calls_.push_back({now, target.channel, answer->status});
  if (isOk(answer->status)) info = answer->info;
  return answer->status;
}

void MockTcpInfo::setAnswer(uint64_t channel, TimeNs fromTime, const Answer& answer) {
  std::vector<Entry>& entries = entries_[channel];
  const auto place = std::lower_bound(entries.begin(), entries.end(), fromTime,
                                      [](const Entry& entry, TimeNs time) { return entry.from < time; });
  if (place != entries.end() && place->from == fromTime) {
    place->answer = answer;
  } else {
    entries.insert(place, Entry{fromTime, answer});
  }
}

}  // namespace kist
