import type { Mutation, MutationTest } from './mutation.js';

function native(file: string, name: string): MutationTest {
  return { kind: 'native', file: `test/native/${file}`, name };
}

/** Handles, the cell switch and the Tor61 dialect: native/base, native/switch, native/cell. */
export const SWITCH_MUTATIONS: readonly Mutation[] = [
  {
    name: 'handles: generation unchecked',
    file: 'native/base/slot_table.h',
    find: ' || slots_[slot].generation != handle.generation()',
    replace: '',
    test: native(
      'slot_table_test.cc',
      'slot table: a stale handle finds and removes nothing, though its slot is in use again',
    ),
  },
  {
    name: 'switch: held cells not released on splice',
    file: 'native/switch/circuit_commands.cc',
    find: 'releaseHeld(circuit);\n}\n\nvoid CellSwitch::unextendCircuit',
    replace: '}\n\nvoid CellSwitch::unextendCircuit',
    test: native('switch_extend_test.cc', 'extend: cells sent meanwhile wait and follow the splice in order'),
  },
  {
    name: 'switch: CREATE for an ID in use not refused',
    file: 'native/switch/cell_switch.cc',
    find: 'refuseCreate(channel, cell.circId, CloseReason::kMalformed);',
    replace: '',
    test: native(
      'cell_switch_test.cc',
      'cell switch: CREATE for an ID in use is refused and the old circuit lives on',
    ),
  },
  {
    name: 'switch: a circuit queue over its high-water mark holds nothing up',
    file: 'native/switch/cell_switch.cc',
    find: 'if (!queue.feederPaused && queue.size() >= highMark(queue)) onQueueHigh(circuit, queue);',
    replace: '',
    test: native(
      'flow_control_test.cc',
      'flow: a full queue holds its feeder, both ways, and low water lets it go',
    ),
  },
  {
    name: 'switch: hard limit of a circuit queue unchecked',
    file: 'native/switch/circuit_flow.cc',
    find: 'return context_.limits.cellqMax + ',
    replace: 'return 10000000 + ',
    test: native(
      'flow_control_test.cc',
      'flow: answers that nobody reads are bounded by the hard limit of the queue',
    ),
  },
  {
    name: 'switch: a stalled circuit is never closed',
    file: 'native/switch/circuit_flow.cc',
    find: 'return queue.feederPaused && now - queue.lastMoved > context_.limits.circuitStall;',
    replace: 'return queue.feederPaused && now < 0;',
    test: native(
      'flow_control_test.cc',
      "flow: a circuit that moved nothing for 30 s is closed, and its channel's others go on",
    ),
  },
  {
    name: 'switch: held cells unbounded',
    file: 'native/switch/cell_switch.cc',
    find: 'if (circuit.held.size() >= HeldCells::kMaxHeld) {',
    replace: 'if (circuit.held.size() >= 1000) {',
    test: native(
      'cell_switch_test.cc',
      'cell switch: cells that follow a CREATE wait for the decision, in order, 64 at most',
    ),
  },
  {
    name: 'Tor61: the rest of an overlong DATA body is not cut into cells',
    file: 'native/cell/tor61_dialect.cc',
    find: 'bodyLeft_ = length - Tor61Dialect::kBodyCapacity;',
    replace: 'bodyLeft_ = 0;',
    test: native(
      'channel_test.cc',
      'channel: a relay cell of impossible length closes it, a long DATA body does not',
    ),
  },
];
