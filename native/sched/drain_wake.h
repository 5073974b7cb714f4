#pragma once

#include "sched/schedulable_channel.h"
#include "sched/scheduler_run.h"

namespace kist {

/// What happens to a channel that still has cells at the end of a run and no room for one more: it is
/// watched, so that an early run can serve it as soon as its kernel buffer drained to half of its window
/// share, and parked when its limit was zero from the start.
///
/// Drain wake: TCP_NOTSENT_LOWAT makes a socket writable when less than half of it is unsent, and lets `send`
/// take no more than it. So it is the window share of the run (never below the reserve), set only when the
/// share has doubled or halved since, or outgrown it. Where the transport knows no such bound or no drain
/// event, a timer at the time that the unsent bytes take at the pacing rate stands in for it.
///
/// Parking: a stalled peer's limit stays 0 for seconds. A parked channel stays pending, but no run asks for
/// its figures before its drain event or its back-off of 1, 2, 4, 8, 16 intervals. A drain event after which
/// the limit is still 0 told nothing: the next one is then asked for only after a back-off.
void onOutOfRoom(SchedulerRun& run, SchedulableChannel& channel);

/// Takes off a bound that an earlier policy or limit put on the kernel's unsent bytes.
void clearNotsentLowat(SchedulerRun& run, SchedulableChannel& channel);

}  // namespace kist
