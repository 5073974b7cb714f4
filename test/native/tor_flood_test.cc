// What a peer may make a relay keep by asking for circuits, or for streams that are never decided.
#include <doctest/doctest.h>

#include "support_tor.h"

namespace kist {
namespace {

void closeAsked(PlaneRig& rig) {
  for (const Event& event : rig.events) {
    if (event.kind != EventKind::kCircuitCreate) continue;
    const Handle handle{event.handle};
    rig.plane->post(handle, [handle](Reactor& reactor) {
      reactor.withCircuit(handle, [](CellSwitch& cells, Circuit& it) {
        cells.closeCircuit(it, TorDialect::kProtocol, CloseReason::kMalformed);
      });
    });
  }
  rig.events.clear();
  rig.settle();
}

}  // namespace

TEST_CASE("tor flood: a peer that asks for circuits and takes no DESTROY loses its channel") {
  PlaneRig rig(PlaneRig::config(), "tor");
  RawPeer& peer = rig.peer();
  RawPeer& other = rig.peer();
  peer.setReading(false);
  uint32_t circId = 0;
  const auto isOpen = [&] {
    const Channel* channel = rig.channel(peer.channel);
    return channel != nullptr && channel->state() == Channel::State::kOpen;
  };
  while (isOpen() && circId < 2 * CellSwitch::kMostDestroys) {
    Bytes cells;
    for (int i = 0; i < 256; ++i) {
      const Bytes cell = torCell(++circId, TorDialect::kCreate2);
      cells.insert(cells.end(), cell.begin(), cell.end());
    }
    peer.send(cells);
    rig.settle();
    closeAsked(rig);
  }
  rig.advance(4 * kSecond, 100 * kMillisecond);
  CHECK(rig.channel(peer.channel) == nullptr);
  CHECK(circId >= CellSwitch::kMostDestroys);
  CHECK(circId < 2 * CellSwitch::kMostDestroys);
  CHECK(rig.total().circuits == 0);
  rig.events.clear();
  makeTorCircuit(rig, other, 5, torKeys(1));
}

TEST_CASE("tor flood: streams that nobody decided end with their END, their refusal and their circuit") {
  PlaneRig rig(PlaneRig::config(), "tor");
  RawPeer& peer = rig.peer();
  TorEnd client(7);
  const Handle circuit = makeTorCircuit(rig, peer, 7, torKeys(1));
  client.addHop(torKeys(1));
  for (uint16_t id = 1; id <= 30; ++id) {
    peer.send(client.seal(id, TorDialect::kBegin));
    peer.send(client.seal(id, TorDialect::kData, noise(498)));
  }
  rig.settle();
  CHECK(rig.total().streams == 30);
  for (uint16_t id = 1; id <= 10; ++id) peer.send(client.seal(id, TorDialect::kEnd, {6}));
  rig.settle();
  CHECK(rig.total().streams == 20);
  CHECK(rig.count(EventKind::kRelayMessage) == 40);
  rig.onCircuit(circuit, [](CellSwitch& cells, Circuit& it) {
    for (uint16_t id = 11; id <= 20; ++id) cells.sendRelay(it, id, TorDialect::kEnd, Bytes{4});
    for (uint16_t id = 21; id <= 25; ++id) cells.edge().resetStream(it, id);
  });
  rig.advance(20 * kMillisecond);
  CHECK(rig.total().streams == 5);
  CHECK(client.open(peer.take()).size() == 15);
  peer.send(torCell(7, TorDialect::kDestroy));
  rig.advance(20 * kMillisecond);
  CHECK(rig.total().streams == 0);
  CHECK(rig.total().circuits == 0);
  CHECK(rig.plane->budget().used() == 0);
}

TEST_CASE("tor flood: early DATA beyond a stream's window ends the circuit") {
  PlaneRig rig(PlaneRig::config(), "tor");
  RawPeer& peer = rig.peer();
  TorEnd client(7);
  makeTorCircuit(rig, peer, 7, torKeys(1));
  client.addHop(torKeys(1));
  peer.send(client.seal(1, TorDialect::kBegin));
  for (int i = 0; i < 500; ++i) peer.send(client.seal(1, TorDialect::kData, noise(498)));
  rig.settle();
  CHECK(rig.total().circuits == 1);
  peer.send(client.seal(1, TorDialect::kData));
  rig.settle();
  CHECK(rig.total().circuits == 0);
  CHECK(rig.total().streams == 0);
}

}  // namespace kist
