#include "support_tor.h"

#include <algorithm>
#include <stdexcept>

namespace kist {

namespace {

void require(bool condition, const char* problem) {
  if (!condition) throw std::runtime_error(problem);
}

}  // namespace

Bytes torCell(uint32_t circId, uint8_t command, const Bytes& payload) {
  Bytes cell(514, 0);
  storeU32(cell.data(), circId);
  cell[4] = command;
  std::copy(payload.begin(), payload.end(), cell.begin() + 5);
  return cell;
}

RelayKeys torKeys(uint32_t seed) {
  RelayKeys keys;
  require(RelayKeys::fromBytes(noise(RelayKeys::kBytes, seed), keys), "keys");
  return keys;
}

Bytes torSendme(const Bytes& digest) {
  Bytes body{1, 0, 20};
  body.insert(body.end(), digest.begin(), digest.end());
  return body;
}

TorEnd::TorEnd(uint32_t id) : circId(id), crypto_(makeOriginCrypto()) {}

TorEnd::TorEnd(uint32_t id, const RelayKeys& keys) : circId(id), crypto_(makeRelayCrypto(keys)) {}

void TorEnd::requireHop(bool added) { require(added, "no hop added"); }

Bytes TorEnd::seal(uint16_t streamId, uint8_t command, const Bytes& body, bool isEarly, uint32_t hop) {
  Bytes cell = torCell(circId, isEarly ? TorDialect::kRelayEarly : TorDialect::kRelay);
  cell[5] = command;
  storeU16(cell.data() + 8, streamId);
  storeU16(cell.data() + 14, static_cast<uint16_t>(body.size()));
  std::copy(body.begin(), body.end(), cell.begin() + 16);
  crypto_->seal(cell.data() + 5, hop);
  return cell;
}

Bytes TorEnd::sealRaw(uint16_t streamId, uint8_t command, const Bytes& body, uint16_t lengthField) {
  Bytes cell = torCell(circId, TorDialect::kRelay);
  cell[5] = command;
  storeU16(cell.data() + 8, streamId);
  storeU16(cell.data() + 14, lengthField);
  std::copy(body.begin(), body.end(), cell.begin() + 16);
  crypto_->seal(cell.data() + 5, UINT32_MAX);
  return cell;
}

TorMessage TorEnd::open(const Bytes& cell) {
  require(cell.size() == 514 && torCircIdOf(cell) == circId, "a cell of another circuit");
  require(torCommandOf(cell) == TorDialect::kRelay || torCommandOf(cell) == TorDialect::kRelayEarly,
          "not a relay cell");
  Bytes plain = cell;
  require(crypto_->open(plain.data() + 5), "a cell that is not recognised");
  const uint16_t length = loadU16(plain.data() + 14);
  require(length <= 498, "a length that cannot be");
  return TorMessage{plain[5], loadU16(plain.data() + 8),
                    Bytes(plain.begin() + 16, plain.begin() + 16 + length), crypto_->openedHop(),
                    Bytes(crypto_->openedDigest(), crypto_->openedDigest() + 20)};
}

std::vector<TorMessage> TorEnd::open(const std::vector<Bytes>& cells) {
  std::vector<TorMessage> messages;
  for (const Bytes& cell : cells) messages.push_back(open(cell));
  return messages;
}

Bytes TorEnd::passOn(const Bytes& cell, uint32_t next) {
  Bytes passed = cell;
  require(!crypto_->open(passed.data() + 5), "a cell that should pass is recognised");
  storeU32(passed.data(), next);
  return passed;
}

Bytes TorEnd::wrap(const Bytes& cell, uint32_t next) {
  Bytes passed = cell;
  crypto_->wrap(passed.data() + 5);
  storeU32(passed.data(), next);
  return passed;
}

void acceptTor(PlaneRig& rig, Handle circuit, const RelayKeys& keys, const Bytes& payload) {
  rig.onCircuit(circuit, [&](CellSwitch& cells, Circuit& it) {
    cells.acceptCircuit(it, payload, makeRelayCrypto(keys));
  });
}

Handle makeTorCircuit(PlaneRig& rig, RawPeer& from, uint32_t circId, const RelayKeys& keys) {
  from.send(torCell(circId, TorDialect::kCreate2));
  rig.settle();
  const Handle circuit{rig.expect(EventKind::kCircuitCreate).handle};
  acceptTor(rig, circuit, keys, Bytes{0, 2, 7, 8});
  rig.advance(20 * kMillisecond);
  require(from.take() == std::vector<Bytes>{torCell(circId, TorDialect::kCreated2, {0, 2, 7, 8})},
          "CREATED2");
  return circuit;
}

Handle makeTorForward(PlaneRig& rig, RawPeer& from, TorEnd& client, const RelayKeys& keys, RawPeer& to,
                      uint32_t& nextId) {
  const Handle circuit = makeTorCircuit(rig, from, client.circId, keys);
  client.addHop(keys);
  from.send(client.seal(0, TorDialect::kExtend2, {1, 2, 3}, true));
  rig.settle();
  require(rig.expect(EventKind::kRelayMessage).b == TorDialect::kExtend2, "EXTEND2");
  rig.onCircuit(circuit, [&](CellSwitch& cells, Circuit& it) {
    cells.extendCircuit(it, to.channel, Bytes{0, 2, 0, 1, 9});
  });
  rig.advance(20 * kMillisecond);
  nextId = static_cast<uint32_t>(rig.expect(EventKind::kCircuitAttached).b);
  require(to.take() == std::vector<Bytes>{torCell(nextId, TorDialect::kCreate2, {0, 2, 0, 1, 9})}, "CREATE2");
  to.send(torCell(nextId, TorDialect::kCreated2, {0, 1, 5}));
  rig.settle();
  rig.expect(EventKind::kCircuitCreated);
  rig.onCircuit(circuit, [](CellSwitch& cells, Circuit& it) {
    cells.spliceCircuit(it, 0, TorDialect::kExtended2, Bytes{0, 1, 5});
  });
  rig.advance(20 * kMillisecond);
  const std::vector<TorMessage> extended = client.open(from.take());
  require(extended.size() == 1 && extended[0].command == TorDialect::kExtended2, "EXTENDED2");
  return circuit;
}

}  // namespace kist
