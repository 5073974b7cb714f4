#include "transport/tls_identity.h"

#include <doctest/doctest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <atomic>
#include <thread>

#include "transport_rig.h"

using namespace kist;

namespace {

/// The sentence that says why no identity can be made.
std::string refusal(ByteSpan certificate, ByteSpan key) {
  Status status = Status::kOk;
  std::string error;
  CHECK(TlsIdentity::make(certificate, key, status, error) == nullptr);
  CHECK(status == Status::kInvalid);
  CHECK(ERR_peek_error() == 0);  // Node reads this thread's queue too.
  return error;
}

bool says(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("tls identity: RSA, P-256 and Ed25519 keys serve") {
  for (const TestKey kind : {TestKey::kRsa2048, TestKey::kP256, TestKey::kEd25519}) {
    CAPTURE(static_cast<int>(kind));
    const std::shared_ptr<TlsIdentity> identity = makeTestIdentity(makeTestCertificate(kind));
    CHECK(identity->serverContext() != nullptr);
    CHECK(identity->clientContext() != nullptr);
    CHECK(SSL_CTX_get0_certificate(identity->clientContext().get()) == nullptr);
    CHECK(ERR_peek_error() == 0);
  }
}

TEST_CASE("tls identity: what cannot be used is refused, and the sentence names it") {
  const TestCertificate good = makeTestCertificate();
  const TestCertificate other = makeTestCertificate();
  const TestCertificate weak = makeTestCertificate(TestKey::kRsa1024);
  const std::vector<uint8_t> garbage(100, 0x30);
  std::vector<uint8_t> longer = good.certificate;
  longer.push_back(0);
  std::vector<uint8_t> shorter = good.key;
  shorter.pop_back();
  CHECK(says(refusal({}, good.key), "certificate is not"));
  CHECK(says(refusal(garbage, good.key), "certificate is not"));
  CHECK(says(refusal(longer, good.key), "certificate is not"));
  CHECK(says(refusal(good.certificate, {}), "private key is not"));
  CHECK(says(refusal(good.certificate, garbage), "private key is not"));
  CHECK(says(refusal(good.certificate, shorter), "private key is not"));
  CHECK(says(refusal(good.certificate, good.certificate), "private key is not"));
  CHECK(says(refusal(good.certificate, other.key), "key values mismatch"));
  CHECK(says(refusal(weak.certificate, weak.key), "too small"));
}

TEST_CASE("tls identity: a replacement that fails leaves the old certificate") {
  const TestCertificate good = makeTestCertificate();
  const TestCertificate other = makeTestCertificate();
  const std::shared_ptr<TlsIdentity> identity = makeTestIdentity(good);
  const TlsIdentity::Context before = identity->serverContext();
  std::string error;
  CHECK(identity->replace(good.certificate, other.key, error) == Status::kInvalid);
  CHECK(error != "");
  CHECK(identity->serverContext() == before);
  CHECK(isOk(identity->replace(other.certificate, other.key, error)));
  CHECK(identity->serverContext() != before);
}

TEST_CASE("tls identity: replaced on one thread while the loops of others use it") {
  const TestCertificate first = makeTestCertificate();
  const TestCertificate second = makeTestCertificate();
  const std::shared_ptr<TlsIdentity> identity = makeTestIdentity(first);
  std::atomic<int> running = 2;
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      const std::vector<uint8_t> bytes = testBytes(40'000);
      for (int round = 0; round < 15; ++round) {
        TransportRig rig(*findTransport("tls"), {}, {});
        rig.context().tls = identity;
        rig.listen();
        rig.connect();
        CHECK(rig.client.write(bytes).bytes == bytes.size());
        REQUIRE(rig.until([&] { return rig.server.received.size() == bytes.size(); }));
        CHECK(rig.server.received == bytes);
        LinkSecrets ours, theirs;
        CHECK(rig.client.transport().exportLink(bytes, ours));
        CHECK(rig.server.transport().exportLink(bytes, theirs));
        CHECK(ours.exported == theirs.exported);
        CHECK(ours.peerCertificate == theirs.ownCertificate);
        const bool isEither =
            ours.peerCertificate == first.certificate || ours.peerCertificate == second.certificate;
        CHECK(isEither);
      }
      --running;
    });
  }
  std::string error;
  for (int i = 0; running > 0; ++i) {
    const TestCertificate& next = i % 2 == 0 ? second : first;
    CHECK(isOk(identity->replace(next.certificate, next.key, error)));
    std::this_thread::yield();
  }
  for (std::thread& thread : threads) thread.join();
}
