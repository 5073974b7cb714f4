#pragma once

#include <cstdint>

#include "circuit/circuit_mux.h"
#include "tcpinfo/tcp_info_source.h"

namespace kist {

/// The four scheduler states of a channel: may it write, has it cells. In the pending heap exactly while kPending
/// (during a run also set aside by it).
enum class ChannelState : uint8_t { kIdle, kWaitingForCells, kWaitingToWrite, kPending };

/// What the scheduler keeps per channel; embedded in the channel, touched only by Scheduler and its policy.
struct SchedulerSlot {
  static constexpr uint32_t kNotPending = UINT32_MAX;

  ChannelState state = ChannelState::kIdle;
  uint32_t heapIndex = kNotPending;
  PriorityKey heapKey;             ///< Key under which it stands in the heap.
  uint64_t limit = 0;              ///< Of the current or last run, bytes.
  uint64_t written = 0;            ///< Of it used up in that run.
  uint64_t infoRun = 0;            ///< Run that refreshed the limit; tells channels that became pending since.
  TcpInfo info;                    ///< Last figures read.
  uint32_t notsentLowat = 0;       ///< Last value set; 0 = never.
  bool tcpInfoUnsupported = false; ///< Fall back for good.
  bool watching = false;           ///< A drain wake is armed.
  bool parked = false;             ///< Limit was zero: not asked again before EPOLLOUT or `parkedUntil`.
  uint8_t parkStep = 0;
  TimeNs parkedUntil = 0;
};

/// A channel as the scheduler sees it. Kernel, mock and simulated channels run the same scheduler.
class SchedulableChannel {
 public:
  /// Outcome of moving cells of one circuit (or one DESTROY) to the outbuf.
  struct FlushResult {
    uint32_t cells = 0;
    uint64_t wireBytes = 0;             ///< By Transport::wireBytes.
    CircuitQueue* circuit = nullptr;    ///< Served circuit; null for a DESTROY.
  };

  virtual ~SchedulableChannel() = default;
  /// The channel's handle bits: names it in traces and to a mock TCP_INFO source.
  virtual uint64_t id() const = 0;
  virtual CircuitMux& mux() = 0;
  /// Moves cells of the best circuit to the outbuf as long as it stays strictly better than `rival` (null: no other
  /// channel) and than the second best of its own mux, and the wire bytes stay within `budget`. At least one cell moves
  /// when it fits the budget. Moves nothing when closing.
  virtual FlushResult flush(const PriorityKey* rival, uint64_t budget) = 0;
  /// Wire bytes that one more cell would cost now.
  virtual uint64_t nextCellCost() const = 0;
  /// Writes the outbuf toward the kernel. Failure is noted by the channel itself, which closes after the run.
  virtual void writeOutbuf() = 0;
  /// wireBytes(plaintext outbuf) + what the transport still queues.
  virtual uint64_t outbufLength() const = 0;
  /// False once it is closing: the scheduler drops it.
  virtual bool isWritable() const = 0;
  virtual TcpInfoTarget tcpInfoTarget() const = 0;
  /// True when the transport fills `info` from its own window.
  virtual bool ownTcpInfo(TcpInfo& info) const = 0;
  /// Asks for Scheduler::onDrained(*this), once. False: the transport cannot tell.
  virtual bool watchDrained() = 0;
  virtual bool setNotsentLowat(uint32_t bytes) = 0;

  SchedulerSlot slot;
};

}  // namespace kist
