#include <doctest/doctest.h>

#include <cerrno>

#include "tls_peer.h"

using namespace kist;

namespace {

constexpr int kVersions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

std::vector<uint8_t> peerCertificate(SSL* ssl) {
  X509* x509 = SSL_get0_peer_certificate(ssl);
  if (x509 == nullptr) return {};
  std::vector<uint8_t> der(static_cast<size_t>(i2d_X509(x509, nullptr)));
  uint8_t* at = der.data();
  i2d_X509(x509, &at);
  return der;
}

std::vector<uint8_t> exported(SSL* ssl, ByteSpan context) {
  constexpr char kLabel[] = "EXPORTER FOR TOR TLS CLIENT BINDING AUTH0003";
  std::vector<uint8_t> out(32);
  REQUIRE(SSL_export_keying_material(ssl, out.data(), out.size(), kLabel, sizeof kLabel - 1, context.data(),
                                     context.size(), 1) == 1);
  return out;
}

/// Runs `check` for both versions with the transport accepting and connecting, before the handshake.
void forEachPeer(const std::function<void(TlsPeerRig&)>& check) {
  for (const int version : kVersions) {
    for (const bool accepting : {true, false}) {
      CAPTURE(version);
      CAPTURE(accepting);
      TlsPeerRig rig;
      rig.makeEnd(accepting, {.minVersion = version, .maxVersion = version});
      check(rig);
    }
  }
}

}  // namespace

TEST_CASE("tls: both ends export the same secret and know each other's certificate") {
  forEachPeer([](TlsPeerRig& rig) {
    const std::vector<uint8_t> context = testBytes(32);
    LinkSecrets secrets;
    CHECK(!rig.transport().exportLink(context, secrets));
    rig.shakeHands();
    REQUIRE(rig.transport().exportLink(context, secrets));
    CHECK(secrets.exported == exported(rig.peer->ssl(), context));
    CHECK(secrets.exported != exported(rig.peer->ssl(), testBytes(32, 2)));
    if (SSL_is_server(rig.peer->ssl()) == 1) {
      CHECK(secrets.ownCertificate.empty());
      CHECK(peerCertificate(rig.peer->ssl()).empty());
      X509* shown = SSL_get_certificate(rig.peer->ssl());
      std::vector<uint8_t> der(static_cast<size_t>(i2d_X509(shown, nullptr)));
      uint8_t* at = der.data();
      i2d_X509(shown, &at);
      CHECK(secrets.peerCertificate == der);
    } else {
      CHECK(secrets.peerCertificate.empty());
      CHECK(secrets.ownCertificate == peerCertificate(rig.peer->ssl()));
    }
    rig.end().close(false);
    CHECK(!rig.transport().exportLink(context, secrets));
  });
}

TEST_CASE("tls: a connecting end asks for a random name") {
  std::vector<std::string> names;
  for (int i = 0; i < 2; ++i) {
    TlsPeerRig rig;
    rig.connectToPeer({});
    rig.shakeHands();
    const char* name = SSL_get_servername(rig.peer->ssl(), TLSEXT_NAMETYPE_host_name);
    REQUIRE(name != nullptr);
    names.push_back(name);
    CHECK(names.back().starts_with("www."));
    CHECK(names.back().ends_with(".com"));
    CHECK(names.back().size() >= 12);
    CHECK(names.back().size() <= 33);
    CHECK(SSL_version(rig.peer->ssl()) == TLS1_3_VERSION);
  }
  CHECK(names[0] != names[1]);
}

TEST_CASE("tls: AES-GCM and ChaCha20 are taken, in both versions, on X25519 and P-256") {
  for (const char* suite :
       {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}) {
    for (const char* groups : {"X25519", "P-256"}) {
      TlsPeerRig rig;
      rig.acceptPeer({.minVersion = TLS1_3_VERSION, .cipherSuite = suite, .groups = groups});
      rig.shakeHands();
      CHECK(std::string(SSL_get_cipher_name(rig.peer->ssl())) == suite);
    }
  }
  for (const char* suite : {"ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"}) {
    TlsPeerRig rig;
    rig.acceptPeer({.maxVersion = TLS1_2_VERSION, .ciphers = suite});
    rig.shakeHands();
    CHECK(std::string(SSL_get_cipher_name(rig.peer->ssl())) == suite);
  }
}

TEST_CASE("tls: the accepting end chooses the cipher") {
  TlsPeerRig rig;
  rig.acceptPeer(
      {.cipherSuite = "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256"});
  rig.shakeHands();
  CHECK(std::string(SSL_get_cipher_name(rig.peer->ssl())) == "TLS_AES_128_GCM_SHA256");
}

TEST_CASE("tls: version 1.1, old ciphers and old groups are refused") {
  const TlsPeer::Options bad[] = {
      {.minVersion = TLS1_VERSION, .maxVersion = TLS1_1_VERSION},
      {.maxVersion = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-SHA"},
      {.minVersion = TLS1_3_VERSION, .groups = "P-521"},
  };
  for (const TlsPeer::Options& options : bad) {
    TlsPeerRig rig;
    rig.acceptPeer(options);
    REQUIRE(rig.pumpUntil([&] { return rig.end().readError != 0; }));
    CHECK(rig.end().readError == EPROTO);
    REQUIRE(rig.pumpUntil([&] { return rig.peer->error != 0; }));  // It is told by an alert.
    CHECK(rig.end().write(testBytes(1)).status == Status::kError);
  }
  TlsPeerRig rig;
  rig.connectToPeer({.minVersion = TLS1_VERSION, .maxVersion = TLS1_1_VERSION});
  REQUIRE(rig.pumpUntil([&] { return rig.end().failed == 1; }));
  CHECK(rig.end().failure == EPROTO);
  CHECK(rig.end().connected == 0);
}

TEST_CASE("tls: no ticket, no resumption, no renegotiation") {
  for (const int version : kVersions) {
    TlsPeerRig rig;
    rig.acceptPeer({.minVersion = version, .maxVersion = version});
    rig.shakeHands();
    CHECK(rig.end().write(testBytes(10)).bytes == 10);
    REQUIRE(rig.pumpUntil([&] { return rig.peer->received.size() == 10; }));
    CHECK(SSL_SESSION_has_ticket(SSL_get_session(rig.peer->ssl())) == 0);
    CHECK(SSL_session_reused(rig.peer->ssl()) == 0);
    unsigned int length = 0;
    SSL_SESSION_get_id(SSL_get_session(rig.peer->ssl()), &length);
    if (version == TLS1_2_VERSION) {
      CHECK(length == 0);
      CHECK(SSL_renegotiate(rig.peer->ssl()) == 1);
      rig.peer->handshaken = false;
      rig.pumpUntil([&] { return rig.peer->error != 0; });
      CHECK(rig.peer->error != 0);  // no_renegotiation.
    }
  }
}

TEST_CASE("tls: what begins after a rotation shows the new certificate, what runs goes on") {
  const TestCertificate first = makeTestCertificate(TestKey::kRsa2048);
  const TestCertificate second = makeTestCertificate();
  TlsPeerRig old;
  old.context().tls = makeTestIdentity(first);
  old.acceptPeer({});
  old.shakeHands();
  std::string error;
  REQUIRE(isOk(old.context().tls->replace(second.certificate, second.key, error)));
  TlsPeerRig fresh;
  fresh.context().tls = old.context().tls;
  fresh.acceptPeer({});
  fresh.shakeHands();
  CHECK(peerCertificate(old.peer->ssl()) == first.certificate);
  CHECK(peerCertificate(fresh.peer->ssl()) == second.certificate);
  LinkSecrets secrets;
  REQUIRE(old.transport().exportLink({}, secrets));
  CHECK(secrets.ownCertificate == first.certificate);
  const std::vector<uint8_t> bytes = testBytes(50'000);
  CHECK(old.end().write(bytes).bytes == bytes.size());
  REQUIRE(old.pumpUntil([&] { return old.peer->received.size() == bytes.size(); }));
  CHECK(old.peer->received == bytes);
}

TEST_CASE("tls: without an identity there is none") {
  TransportRig rig(*findTransport("tls"), {}, {});
  rig.context().tls = nullptr;
  Status status = Status::kOk;
  int error = 0;
  const TransportEntry& entry = *findTransport("tls");
  CHECK(entry.connect(rig.context(), "127.0.0.1", 1, kNever, status, error) == nullptr);
  CHECK(status == Status::kInvalid);
  CHECK(entry.listen(rig.context(), "127.0.0.1", 0, rig, status, error) == nullptr);
  CHECK(status == Status::kInvalid);
  CHECK(entry.accept(rig.context(), -1) == nullptr);
}

TEST_CASE("tls: before the handshake is done, read and write wait, and writability is told after it") {
  forEachPeer([](TlsPeerRig& rig) {
    uint8_t byte = 0;
    CHECK(rig.end().readInto({&byte, 1}).status == Status::kWouldBlock);
    CHECK(rig.end().write(testBytes(1)).status == Status::kWouldBlock);
    CHECK(rig.transport().shutdownWrite() == Status::kClosed);
    rig.end().watchWritable();
    rig.turns(3);
    CHECK(rig.end().calls() == 0);
    CHECK(rig.transport().wireBytes(16385) == 16385 + 44);
    rig.shakeHands();
    REQUIRE(rig.until([&] { return rig.end().writable == 1; }));
    CHECK(rig.end().write(testBytes(1)).bytes == 1);
  });
}

TEST_CASE(
    "tls: input that comes with the end of a handshake is told, also to an end that began to read later") {
  for (const int version : kVersions) {
    for (const bool reading : {true, false}) {
      TlsPeerRig rig;
      rig.acceptPeer({.minVersion = version, .maxVersion = version});
      rig.end().setReading(reading);
      REQUIRE(rig.until([&] {
        if (!rig.peer->handshaken) rig.peer->pump();
        return rig.peer->handshaken;
      }));
      const std::vector<uint8_t> bytes = testBytes(30'000);
      rig.peer->send(bytes);
      REQUIRE(rig.pumpUntil([&] { return rig.peer->isFlushed() && rig.transport().isEstablished(); }));
      rig.turns(3);
      if (!reading) CHECK(rig.end().readable == 0);
      rig.end().setReading(true);
      REQUIRE(rig.until([&] { return rig.end().received.size() == bytes.size(); }));
      CHECK(rig.end().received == bytes);
    }
  }
}
