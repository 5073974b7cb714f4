#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "tcpinfo/tcp_info_source.h"

namespace kist {

/// Answers from a script, per channel and time, and logs what it was asked. For tests and the public test
/// kit.
class MockTcpInfo final : public TcpInfoSource {
 public:
  struct Answer {
    Status status = Status::kOk;
    TcpInfo info;
  };
  struct Call {
    TimeNs at = 0;
    uint64_t channel = 0;
    Status status = Status::kOk;
  };

  explicit MockTcpInfo(const Clock& clock) : clock_(clock) {}

  const char* name() const override { return "mock"; }
  Status read(const TcpInfoTarget& target, TcpInfo& info) override;

  /// What channels without an entry get. At first: a window of 10 segments of 1448 bytes, nothing in flight.
  void setDefault(const Answer& answer) { default_ = answer; }
  /// From `fromTime` on `channel` gets `answer`, until its next entry; an entry for the same time is
  /// replaced.
  void setAnswer(uint64_t channel, TimeNs fromTime, const Answer& answer);
  void forget(uint64_t channel) { entries_.erase(channel); }

  const std::vector<Call>& calls() const { return calls_; }
  void clearCalls() { calls_.clear(); }

 private:
  struct Entry {
    TimeNs from;
    Answer answer;
  };

  const Clock& clock_;
  Answer default_{Status::kOk, TcpInfo{10, 0, 1448, 0, 0}};
  std::unordered_map<uint64_t, std::vector<Entry>> entries_;  ///< By channel, sorted by time.
  std::vector<Call> calls_;
};

}  // namespace kist
