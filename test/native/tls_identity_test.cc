#include "transport/tls_identity.h"

#include <doctest/doctest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <atomic>
#include <thread>

#include "tls_test_identity.h"

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

TEST_CASE("tls identity: replaced on one thread while others begin connections") {
  const TestCertificate first = makeTestCertificate();
  const TestCertificate second = makeTestCertificate();
  const std::shared_ptr<TlsIdentity> identity = makeTestIdentity(first);
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        SSL* ssl = SSL_new(identity->serverContext().get());
        if (SSL_get_certificate(ssl) == nullptr) std::abort();
        SSL_free(ssl);
      }
    });
  }
  std::string error;
  for (int i = 0; i < 50; ++i) {
    const TestCertificate& next = i % 2 == 0 ? second : first;
    CHECK(isOk(identity->replace(next.certificate, next.key, error)));
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}
