import type { Mutation, MutationTest } from './mutation.js';
import { SWITCH_MUTATIONS } from './switch-mutations.js';

function native(file: string, name: string): MutationTest {
  return { kind: 'native', file: `test/native/${file}`, name };
}

function node(file: string, name: string): MutationTest {
  return { kind: 'node', file: `test/unit/${file}`, name };
}

/** The write limit: native/sched/write_limit and who uses it. */
const LIMIT_MUTATIONS: readonly Mutation[] = [
  {
    name: 'write limit: floor of what could be sent now removed',
    file: 'native/sched/write_limit.cc',
    find: 'info.cwnd > info.unacked ? info.cwnd - info.unacked : 0',
    replace: 'info.cwnd - info.unacked',
    test: node('kist.test.ts', 'the write limit by hand: more in flight than the window'),
  },
  {
    name: 'write limit: reserve floored on its own',
    file: 'native/sched/write_limit.cc',
    find: 'minus(minus(result.share, info.notsent), saturated(outbufLength))',
    replace: 'std::max<int64_t>(minus(minus(result.share, info.notsent), saturated(outbufLength)), 0)',
    test: node('kist.test.ts', 'the write limit by hand: a negative reserve'),
  },
  {
    name: 'write limit: floor of the sum removed',
    file: 'native/sched/write_limit.cc',
    find: 'std::max<int64_t>(plus(result.tcpSpace, result.reserve), 0)',
    replace: 'plus(result.tcpSpace, result.reserve)',
    test: native('write_limit_test.cc', 'the write limit, worked by hand'),
  },
  {
    name: 'write limit: outbuf not subtracted',
    file: 'native/sched/write_limit.cc',
    find: 'minus(minus(result.share, info.notsent), saturated(outbufLength))',
    replace: 'minus(result.share, info.notsent)',
    test: node('kist.test.ts', 'what the kernel did not take is in the outbuf, and off the next limit'),
  },
  {
    name: 'write limit: notsent ignored',
    file: 'native/sched/write_limit.cc',
    find: 'minus(minus(result.share, info.notsent), saturated(outbufLength))',
    replace: 'minus(result.share, saturated(outbufLength))',
    test: node('kist.test.ts', 'the write limit by hand: part in flight, part not sent'),
  },
  {
    name: 'write limit: factor ignored',
    file: 'native/sched/write_limit.cc',
    find: 'if (std::isnan(factor) || factor == 1) return saturated(window);',
    replace: 'return saturated(window);',
    test: node('kist.test.ts', 'the write limit by hand: factor 0.5 is rounded down'),
  },
  {
    name: 'write limit: sum overflows instead of saturating',
    file: 'native/sched/write_limit.cc',
    find: 'return a > 0 ? kMax : std::numeric_limits<int64_t>::min();',
    replace: 'return sum;',
    test: node('kist.test.ts', 'the write limit by hand: the largest figures'),
  },
  {
    name: 'outbuf room: underflows over the high-water mark',
    file: 'native/sched/write_limit.h',
    find: 'outbufLength >= high ? 0 : high - outbufLength',
    replace: 'high - outbufLength',
    test: native('write_limit_test.cc', "the outbuf's room never underflows"),
  },
  {
    name: 'KIST: fallback missing',
    file: 'native/sched/kist.cc',
    find: 'limitByOutbuf(run, channel);',
    replace: 'channel.slot.limit = 0;',
    test: node('kist.test.ts', 'any other error: the outbuf stands in for that run and that channel only'),
  },
  {
    name: 'KIST: a kernel without figures is asked again and again',
    file: 'native/sched/kist.cc',
    find: 'slot.tcpInfoUnsupported = true;',
    replace: 'slot.tcpInfoUnsupported = false;',
    test: node(
      'kist.test.ts',
      'a kernel without TCP_INFO: the room under 32,768 bytes of outbuf, and it is not asked again',
    ),
  },
];

/** The order of circuits and channels: native/circuit, native/sched. */
const ORDER_MUTATIONS: readonly Mutation[] = [
  {
    name: 'order: no re-sift when a quieter circuit becomes active on a pending channel',
    file: 'native/sched/scheduler.cc',
    find: 'if (run_.active_) run_.onKeyChanged(channel);',
    replace: '',
    test: native(
      'kist_test.cc',
      'a quieter circuit that becomes active in a run on a waiting channel is served next',
    ),
  },
  {
    name: 'order: channel not re-sifted after its cells moved',
    file: 'native/sched/batch_policy.cc',
    find: 'run.ready().update(channel, *key);',
    replace: '',
    test: node('scheduler-order.test.ts', 'over all channels the best circuit goes first'),
  },
  {
    name: 'order: a circuit goes on though one of another channel is better',
    file: 'native/sched/flush_run.h',
    find: 'if (rival != nullptr && !(queue->key() < *rival)) break;',
    replace: '',
    test: native('kist_test.cc', 'over all channels the best circuit goes first'),
  },
  {
    name: 'order: ties not broken by the last service',
    file: 'native/circuit/priority_key.h',
    find: 'if (a.lastServed != b.lastServed) return a.lastServed < b.lastServed;',
    replace: '',
    test: node(
      'ewma.test.ts',
      'ties go to the least recently served, then to the lower number, whichever channel they are on',
    ),
  },
  {
    name: 'EWMA: cells do not lose weight',
    file: 'native/circuit/priority_base.cc',
    find: 'return std::ldexp(weight, whole);',
    replace: 'return 1;',
    test: node('ewma.test.ts', 'a sent cell counts half after each half-life'),
  },
  {
    name: 'EWMA: a new half-life ignored',
    file: 'native/circuit/priority_base.cc',
    find: 'halflife_ = clampHalflife(halflife);',
    replace: '',
    test: node('ewma.test.ts', 'a change of half-life keeps the decay so far and counts from then on'),
  },
  {
    name: 'EWMA: a tiny half-life not clamped',
    file: 'native/circuit/priority_base.cc',
    find: 'return std::clamp(halflife, kMinHalflife, kMaxHalflife);',
    replace: 'return halflife;',
    test: node('ewma.test.ts', 'a half-life below 100 ms counts as 100 ms'),
  },
  {
    name: 'EWMA: exponent never rescaled',
    file: 'native/circuit/priority_base.cc',
    find: 'if (exponent > kMaxExponent) {',
    replace: 'if (exponent > 1e300) {',
    test: node('ewma.test.ts', 'counts stay finite and ordered after any number of half-lives'),
  },
  {
    name: 'EWMA: rescaling forgets circuits that are not active',
    file: 'native/circuit/ewma_mux.cc',
    find: 'queue->key_.count *= factor;',
    replace: 'if (queue->isActive()) queue->key_.count *= factor;',
    test: node('ewma.test.ts', 'past 500 half-lives ratios are kept'),
  },
  {
    name: 'DESTROY: does not wake',
    file: 'native/circuit/circuit_mux.h',
    find: 'return activeCount_ > 0 || !destroys_.empty();',
    replace: 'return activeCount_ > 0;',
    test: native('kist_test.cc', 'a lone DESTROY wakes the scheduler, and many have a bounded share'),
  },
  {
    name: 'DESTROY: share unbounded',
    file: 'native/circuit/circuit_mux.cc',
    find: 'cellsUntilDestroy_ = kCellsPerDestroy;',
    replace: 'cellsUntilDestroy_ = 0;',
    test: node(
      'scheduler-order.test.ts',
      'DESTROYs go first but have a bounded share: one, then seven cells, while there are any',
    ),
  },
];

/** When runs take place: native/sched/scheduler. */
const RUN_MUTATIONS: readonly Mutation[] = [
  {
    name: 'runs: drain wake not asked for',
    file: 'native/sched/scheduler.cc',
    find: 'if (config_.drainWake) drainAt_ = kLongAgo;',
    replace: '',
    test: node(
      'scheduler-runs.test.ts',
      'a drained kernel buffer asks for an early run over all channels, best circuit first',
    ),
  },
  {
    name: 'runs: light wake not asked for',
    file: 'native/sched/scheduler.cc',
    find: ' lightWanted_ = true;',
    replace: ' lightWanted_ = false;',
    test: node(
      'scheduler-runs.test.ts',
      'a light circuit that becomes active does not wait for the interval',
    ),
  },
  {
    name: 'runs: gap before an early run ignored',
    file: 'native/sched/scheduler.cc',
    find: 'lastRunEnd_ + config_.minRunGap',
    replace: 'lastRunEnd_',
    test: node('scheduler-runs.test.ts', 'a light circuit waits for the gap after the last run'),
  },
  {
    name: 'runs: an early run moves the timed ones',
    file: 'native/sched/scheduler.cc',
    find: 'if (kind == RunKind::kTimed) {',
    replace: 'lastTimedStart_ = now;\n  if (kind == RunKind::kTimed) {',
    test: node(
      'scheduler-runs.test.ts',
      'a drained kernel buffer asks for an early run over all channels, best circuit first',
    ),
  },
  {
    name: 'parking: never over by time',
    file: 'native/sched/scheduler.cc',
    find: 'while (!parked_.isEmpty() && parked_.topKey() <= now) unpark(*parked_.top());',
    replace: '',
    test: node(
      'scheduler-runs.test.ts',
      'a channel without room is asked again after 1, 2, 4, 8, 16 and 16 intervals',
    ),
  },
  {
    name: 'parking: not over when the kernel buffer drained',
    file: 'native/sched/scheduler.cc',
    find: 'if (slot.parked) unpark(channel);',
    replace: '',
    test: node(
      'scheduler-runs.test.ts',
      'a parked channel is asked at once when it drained, and serves what waited',
    ),
  },
  {
    name: 'runs: not bounded in time',
    file: 'native/sched/scheduler_run.cc',
    find: 'cutShort_ = true;\n  return true;',
    replace: 'return false;',
    test: node('scheduler-runs.test.ts', 'a run is bounded in time; what is left goes on in the next one'),
  },
  {
    name: 'runs: what is left of an outbuf is not tried again',
    file: 'native/sched/scheduler_run.cc',
    find: 'if (channel->outbufLength() > 0 && channel->isWritable()) channel->writeOutbuf();',
    replace: '',
    test: native(
      'kist_test.cc',
      'leftovers of an outbuf are tried again by the next run, also without room for a cell',
    ),
  },
];

/** At least one breakage for each rule that a relay's users rely on. */
export const MUTATIONS: readonly Mutation[] = [
  ...LIMIT_MUTATIONS,
  ...ORDER_MUTATIONS,
  ...RUN_MUTATIONS,
  ...SWITCH_MUTATIONS,
];
