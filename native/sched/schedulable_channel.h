#pragma once

#include <cstdint>

#include "circuit/circuit_mux.h"
#include "tcpinfo/tcp_info_source.h"

namespace kist {

class SchedulableChannel;

/// The four scheduler states of a channel: may it write, has it cells. In the scheduler's list of pending
/// channels (or among the parked ones) exactly while kPending.
enum class ChannelState : uint8_t { kIdle, kWaitingForCells, kWaitingToWrite, kPending };

/// What the scheduler keeps per channel; embedded in the channel, touched only by Scheduler and its policy.
struct SchedulerSlot {
  static constexpr uint32_t kNotPending = UINT32_MAX;

  ChannelState state = ChannelState::kIdle;
  bool tcpInfoUnsupported = false;  ///< Fall back for good.
  bool lowatUnsupported = false;    ///< The transport has no TCP_NOTSENT_LOWAT.
  bool hasRoom = false;             ///< One more cell fits what is left of the limit of the last run.
  bool watching = false;            ///< A drain wake is armed.
  bool drainedInVain = false;  ///< Drained since its limit was last 0: another watch would tell nothing new.
  bool parked = false;         ///< Limit was zero: not asked again before EPOLLOUT or `parkedUntil`.
  uint8_t parkStep = 0;        ///< Times parked in a row; the back-off doubles with it.
  uint32_t heapIndex = kNotPending;    ///< In the heap of the current run.
  uint32_t parkedIndex = kNotPending;  ///< In the heap of parked channels.
  uint32_t batchIndex = kNotPending;   ///< In the current run's list of channels.
  uint32_t servedIndex = kNotPending;  ///< In the current run's list of channels served.
  uint32_t notsentLowat = 0;           ///< Last TCP_NOTSENT_LOWAT set; 0 = never.
  uint64_t limit = 0;                  ///< Of the current or last run, bytes.
  uint64_t written = 0;                ///< Of it used up in that run.
  uint64_t infoRun = 0;  ///< Run that refreshed the limit; tells channels that became pending since.
  int64_t share = 0;     ///< Window share of the last limit, bytes; 0 when the limit came from the outbuf.
  int64_t reserve = 0;   ///< Reserve of the last limit, bytes.
  int64_t tcpSpace = 0;  ///< The other term of the last limit, bytes.
  TcpInfo info;          ///< Last figures read.
  SchedulableChannel* previous = nullptr;  ///< In the list of pending channels.
  SchedulableChannel* next = nullptr;
};

/// A channel as the scheduler sees it. Kernel, mock and simulated channels run the same scheduler.
class SchedulableChannel {
 public:
  /// Outcome of moving cells of one circuit (or one DESTROY) to the outbuf.
  struct FlushResult {
    uint32_t cells = 0;
    uint64_t wireBytes = 0;           ///< By Transport::wireBytes.
    CircuitQueue* circuit = nullptr;  ///< Served circuit; null for a DESTROY.
  };

  virtual ~SchedulableChannel() = default;
  /// The channel's handle bits: names it in traces and to a mock TCP_INFO source.
  virtual uint64_t id() const = 0;
  virtual CircuitMux& mux() = 0;
  /// Moves cells of the best circuit to the outbuf as long as it stays strictly better than `rival` (null: no
  /// other channel) and than the second best of its own mux, and the wire bytes stay within `budget`. At
  /// least one cell moves when it fits the budget. Moves nothing when closing. `*rival` can change meanwhile
  /// and must be read anew per cell. flushRun() of sched/flush_run.h does all of this.
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
  /// Sets TCP_NOTSENT_LOWAT; UINT32_MAX takes the bound off. False: not supported.
  virtual bool setNotsentLowat(uint32_t bytes) = 0;

  SchedulerSlot slot;
};

}  // namespace kist
