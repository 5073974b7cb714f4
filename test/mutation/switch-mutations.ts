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
    find: 'edge_.closeAll(circuit);\n  queueFromHere(circuit, streamId, command, body);\n  releaseHeld(circuit);',
    replace: 'edge_.closeAll(circuit);\n  queueFromHere(circuit, streamId, command, body);',
    test: native('switch_extend_test.cc', 'extend: cells sent meanwhile wait and follow the splice in order'),
  },
  {
    name: 'switch: CREATE for an ID in use not refused',
    file: 'native/switch/cell_switch.cc',
    find: 'channel.sendLinkCell(ByteSpan(answer, length));',
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
      'edge_test.cc',
      'edge: a full circuit queue stops the stream and resumes it, also after a long pause',
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
