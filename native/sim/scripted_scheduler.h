#pragma once

#include <memory>
#include <string>
#include <vector>

#include "circuit/circuit_queue.h"
#include "sim/scripted_channel.h"
#include "tcpinfo/mock_tcp_info.h"

namespace kist::sim {

/// The core of the public test kit: the real scheduler over a manual clock, a scripted TCP_INFO source and
/// scripted channels. Deterministic, no threads, no sockets. Channels and circuits have numbers from 1; a
/// number that does not exist, or a name, yields false or 0 and changes nothing. Circuit numbers break ties,
/// as handles do.
class ScriptedScheduler {
 public:
  /// An unknown policy name means `kist`.
  explicit ScriptedScheduler(const std::string& policy = "kist", const SchedulerConfig& config = {},
                             TimeNs halflife = 30 * kSecond, TimeNs startTime = 0);
  ~ScriptedScheduler();
  ScriptedScheduler(const ScriptedScheduler&) = delete;
  ScriptedScheduler& operator=(const ScriptedScheduler&) = delete;

  /// A writable channel without circuits. 0: no such mux, or lengths of 0.
  uint32_t addChannel(const ScriptedChannelOptions& options = {});
  uint32_t addCircuit(uint32_t channel);
  bool queueCells(uint32_t circuit, uint32_t cells);
  bool queueDestroy(uint32_t channel);
  /// Drops the cells that wait on a circuit.
  bool dropCells(uint32_t circuit);
  /// Closes in any state, also during a run; its circuits lose their cells.
  bool closeChannel(uint32_t channel);
  bool isClosed(uint32_t channel) const;

  bool setTcpInfo(uint32_t channel, TimeNs fromTime, const MockTcpInfo::Answer& answer);
  void setDefaultTcpInfo(const MockTcpInfo::Answer& answer) { source_.setDefault(answer); }
  /// Bytes that the kernel takes from an outbuf at each write; negative: everything.
  bool setKernelTakes(uint32_t channel, int64_t bytes);
  /// The kernel takes up to `bytes` of the outbuf now; the channel becomes writable under its low-water mark.
  bool drainOutbuf(uint32_t channel, uint64_t bytes);
  /// The kernel's buffer of the channel drained. False also when the scheduler did not ask to be told.
  bool drained(uint32_t channel);
  bool setWritable(uint32_t channel, bool writable);

  bool setPolicy(const std::string& policy);
  void setConfig(const SchedulerConfig& config) { scheduler_->setConfig(config); }
  void setHalflife(TimeNs halflife);
  const SchedulerConfig& config() const { return scheduler_->config(); }

  TimeNs now() const { return clock_.peek(); }
  /// Moves the clock without a run, also backwards.
  void setTime(TimeNs now) { clock_.set(now); }
  /// Lets the clock move by itself at each reading, so that runs take time.
  void setClockStep(TimeNs step) { clock_.setStep(step); }
  /// Moves the clock by `duration`, doing every run that falls due on the way. Number of runs.
  uint64_t advance(TimeNs duration);
  /// Moves the clock to the next run and does it. False when none is due ever.
  bool tick();

  const ScriptedTrace& trace() const { return trace_; }
  void clearTrace() { trace_ = {}; }
  TimeNs nextWake() const { return scheduler_->nextWake(); }
  uint64_t runNumber() const { return scheduler_->runNumber(); }
  const SchedulerStats& stats() const { return scheduler_->stats(); }
  const std::vector<MockTcpInfo::Call>& tcpInfoCalls() const { return source_.calls(); }
  /// Limit and use of it in the last run that looked at the channel, bytes.
  uint64_t limitOf(uint32_t channel) const;
  uint64_t writtenOf(uint32_t channel) const;
  /// "idle", "waiting-for-cells", "waiting-to-write", "pending", "parked", "closed"; empty when there is
  /// none.
  std::string stateOf(uint32_t channel) const;
  uint64_t outbufOf(uint32_t channel) const;
  /// The EWMA count of a circuit as cells sent now.
  double countOf(uint32_t circuit) const;
  uint64_t queuedOf(uint32_t circuit) const;
  uint64_t sentOf(uint32_t circuit) const;

  /// For tests inside the library.
  Scheduler& scheduler() { return *scheduler_; }
  PriorityBase& base() { return base_; }
  ScriptedChannel* channel(uint32_t number) const;
  CircuitQueue* circuit(uint32_t number) const;

 private:
  struct ScriptedCircuit {
    uint32_t channel = 0;
    CircuitQueue queue;
  };

  void dropQueue(ScriptedCircuit& circuit);

  ScriptedClock clock_;
  PriorityBase base_;
  MockTcpInfo source_;
  CellPool pool_;
  ScriptedTrace trace_;
  std::unique_ptr<Scheduler> scheduler_;
  std::vector<std::unique_ptr<ScriptedChannel>> channels_;
  std::vector<std::unique_ptr<ScriptedCircuit>> circuits_;
  std::vector<bool> closed_;
};

}  // namespace kist::sim
