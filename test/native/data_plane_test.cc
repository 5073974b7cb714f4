// A data plane as its owner holds it: names, determinism, closing.
#include <doctest/doctest.h>

#include <chrono>
#include <thread>

#include "registry/dialects.h"
#include "support_plane.h"
#include "tls_test_identity.h"

namespace kist {
namespace {

/// Everything that peers and the control plane saw of one busy scene, in order.
Bytes transcript(uint32_t reactors) {
  PlaneRig rig(PlaneRig::config(reactors));
  std::vector<RawPeer*> from, to;
  std::vector<uint32_t> ids(6);
  Bytes seen;
  const auto note = [&seen](const Bytes& bytes) { seen.insert(seen.end(), bytes.begin(), bytes.end()); };
  for (uint32_t i = 0; i < 6; ++i) {
    from.push_back(&rig.peer(i % reactors));
    to.push_back(&rig.peer((i + 1) % reactors));
    rig.makeForward(*from[i], 6, *to[i], ids[i]);
  }
  for (uint32_t round = 0; round < 30; ++round) {
    for (uint32_t i = 0; i < 6; ++i) {
      for (uint32_t n = 0; n < 10 * (i + 1); ++n)
        from[i]->send(rawRelay(6, 1, kData, noise(498, round * 100 + n)));
      to[i]->send(rawRelay(ids[i], 1, kData, noise(100, round)));
    }
    if (round == 20) from[2]->send(rawCell(6, kDestroy));
    if (round == 22) to[3]->close(true);
    rig.advance(3 * kMillisecond);
    for (RawPeer* peer : from) note(joined(peer->take()));
    for (RawPeer* peer : to) note(joined(peer->take()));
    for (const Event& event : rig.events) {
      note(Bytes{static_cast<uint8_t>(event.kind), static_cast<uint8_t>(event.handle),
                 static_cast<uint8_t>(event.a)});
      note(event.bytes);
    }
    rig.events.clear();
  }
  return seen;
}

/// The next event of `kind` of a data plane with threads; others are dropped.
Event nextEvent(DataPlane& plane, EventKind kind) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (true) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    for (Event& event : plane.drain(1)) {
      if (event.kind == kind) return std::move(event);
    }
    std::this_thread::yield();
  }
}

/// Takes the first of the byte strings that stand in `bytes`, each after its length.
Bytes takeString(Bytes& bytes) {
  REQUIRE(bytes.size() >= 2);
  const auto end = bytes.begin() + 2 + loadU16(bytes.data());
  const Bytes taken(bytes.begin() + 2, end);
  bytes.erase(bytes.begin(), end);
  return taken;
}

}  // namespace

TEST_CASE("data plane: the same input gives the same bytes and events") {
  for (const uint32_t reactors : {1u, 2u, 3u}) {
    CAPTURE(reactors);
    const Bytes once = transcript(reactors);
    CHECK(once.size() > 512 * 1000);
    CHECK(once == transcript(reactors));
  }
}

TEST_CASE("data plane: a wrong name or number is refused by name") {
  const auto problemOf = [](const PlaneConfig& config) {
    std::string problem;
    CHECK(DataPlane::create(
              config, [] {}, problem) == nullptr);
    return problem;
  };
  PlaneConfig config = PlaneRig::config();
  config.threads = 0;
  CHECK(problemOf(config).find("threads") != std::string::npos);
  config = PlaneRig::config();
  config.onions.threads = 0;
  CHECK(problemOf(config).find("onionThreads") != std::string::npos);
  config = PlaneRig::config();
  config.policy = "fifo";
  CHECK(problemOf(config).find("fifo") != std::string::npos);
  config = PlaneRig::config();
  config.mux = "lottery";
  CHECK(problemOf(config).find("lottery") != std::string::npos);
  config = PlaneRig::config();
  config.tcpInfoSource = "oracle";
  CHECK(problemOf(config).find("oracle") != std::string::npos);
}

TEST_CASE("data plane: closing in the middle of everything frees it, and what comes later is ignored") {
  for (const uint32_t reactors : {1u, 2u}) {
    CAPTURE(reactors);
    PlaneRig rig(PlaneRig::config(reactors));
    RawPeer& first = rig.peer(0);
    RawPeer& second = rig.peer(reactors - 1);
    uint32_t nextId = 0;
    const Handle circuit = rig.makeForward(first, 6, second, nextId);
    first.send(rawCell(8, kCreate));
    for (int i = 0; i < 500; ++i) first.send(rawRelay(6, 1, kData, noise(498)));
    rig.onReactor(reactors - 1, [&](Reactor& reactor) { reactor.createCircuit(5, second.channel, {}); });
    rig.plane->post(circuit, [](Reactor&) {});
    rig.plane->close();
    rig.plane->close();
    rig.plane->post(circuit, [](Reactor&) { FAIL("ran after close"); });
    rig.plane->postAll([](Reactor&) { FAIL("ran after close"); });
    CHECK(rig.plane->snapshots().empty());
    rig.plane->step(rig.now() + kSecond);
  }
}

TEST_CASE("data plane: a connection refused is told with its token") {
  PlaneRig rig;
  DataPlane::Endpoint endpoint;
  endpoint.dialect = findDialect("tor61");
  endpoint.transport = findTransport("memory");
  endpoint.host = "nobody";
  endpoint.port = 9;
  rig.plane->connect(99, endpoint, kSecond, 0);
  rig.settle();
  const Event failed = rig.expect(EventKind::kChannelConnectFailed);
  CHECK(failed.a == 99);
  CHECK(failed.b == ECONNREFUSED);
}

TEST_CASE("data plane: both ends of a TLS link export the same secret, and the certificate shown") {
  PlaneConfig config;
  config.threads = 2;
  std::string problem;
  const auto plane = DataPlane::create(
      config, [] {}, problem);
  REQUIRE(plane != nullptr);
  const TestCertificate first = makeTestCertificate();
  const TestCertificate second = makeTestCertificate(TestKey::kRsa2048);
  DataPlane::Endpoint endpoint;
  uint32_t identity = 0;
  REQUIRE(isOk(plane->addTlsIdentity(first.certificate, first.key, identity, problem)));
  endpoint.tls = plane->tlsIdentity(identity);
  endpoint.dialect = findDialect("tor");
  endpoint.transport = findTransport("tls");
  endpoint.host = "127.0.0.1";
  uint32_t listener = 0;
  int error = 0;
  REQUIRE(isOk(plane->listen(endpoint, listener, endpoint.port, error)));
  const auto exportOf = [&](uint64_t channel, const Bytes& context) {
    // The end that accepted knows its link a moment later than the other.
    while (true) {
      plane->post(Handle{channel}, [=](Reactor& reactor) { reactor.exportLink(Handle{channel}, context); });
      const Event event = nextEvent(*plane, EventKind::kLinkExported);
      REQUIRE(event.handle == channel);
      if (event.a == 1) return event.bytes;
    }
  };
  for (const TestCertificate* shown : {&first, &second}) {
    if (shown == &second)
      REQUIRE(isOk(plane->replaceTlsIdentity(identity, second.certificate, second.key, problem)));
    plane->connect(5, endpoint, 30 * kSecond, -1);
    const uint64_t accepted = nextEvent(*plane, EventKind::kChannelAccepted).handle;
    const uint64_t connected = nextEvent(*plane, EventKind::kChannelConnected).handle;
    Bytes opener = exportOf(connected, noise(32));
    Bytes acceptor = exportOf(accepted, noise(32));
    Bytes other = exportOf(accepted, noise(32, 2));
    const Bytes secret = takeString(opener);
    CHECK(secret.size() == 32);
    CHECK(secret == takeString(acceptor));
    CHECK(secret != takeString(other));
    CHECK(takeString(opener) == Bytes{});  // The end that connects shows none.
    CHECK(takeString(opener) == shown->certificate);
    CHECK(takeString(acceptor) == shown->certificate);
    CHECK(takeString(acceptor) == Bytes{});
    CHECK(opener.empty());
  }
}

TEST_CASE("data plane: TLS identities that cannot be used are refused, and numbers that name none") {
  PlaneRig rig;
  const TestCertificate good = makeTestCertificate();
  const TestCertificate other = makeTestCertificate();
  uint32_t identity = 0;
  std::string problem;
  CHECK(rig.plane->addTlsIdentity(good.certificate, other.key, identity, problem) == Status::kInvalid);
  CHECK(problem != "");
  CHECK(rig.plane->addTlsIdentity(noise(100), good.key, identity, problem) == Status::kInvalid);
  CHECK(rig.plane->tlsIdentity(0) == nullptr);
  CHECK(rig.plane->tlsIdentity(1) == nullptr);
  REQUIRE(isOk(rig.plane->addTlsIdentity(good.certificate, good.key, identity, problem)));
  CHECK(rig.plane->tlsIdentity(identity) != nullptr);
  CHECK(rig.plane->replaceTlsIdentity(identity, good.certificate, other.key, problem) == Status::kInvalid);
  CHECK(rig.plane->replaceTlsIdentity(identity + 1, good.certificate, good.key, problem) ==
        Status::kNotFound);
}

}  // namespace kist
