#pragma once

#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <vector>

#include "transport/tls_identity.h"

namespace kist {

/// A key with its self-signed certificate, as the control plane would hand them over.
struct TestCertificate {
  std::vector<uint8_t> certificate, key;
};

enum class TestKey { kP256, kRsa1024, kRsa2048, kEd25519 };

inline EVP_PKEY* makeTestKey(TestKey kind) {
  if (kind == TestKey::kP256) return EVP_EC_gen("P-256");
  if (kind == TestKey::kEd25519) return EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  return EVP_RSA_gen(kind == TestKey::kRsa1024 ? 1024 : 2048);
}

inline TestCertificate makeTestCertificate(TestKey kind = TestKey::kP256) {
  EVP_PKEY* key = makeTestKey(kind);
  REQUIRE(key != nullptr);
  X509* x509 = X509_new();
  X509_set_version(x509, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
  X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x509), 86400);
  const unsigned char name[] = "www.example.net";
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC, name, -1, -1, 0);
  X509_set_issuer_name(x509, X509_get_subject_name(x509));
  X509_set_pubkey(x509, key);
  REQUIRE(X509_sign(x509, key, kind == TestKey::kEd25519 ? nullptr : EVP_sha256()) > 0);
  TestCertificate made;
  made.certificate.resize(static_cast<size_t>(i2d_X509(x509, nullptr)));
  uint8_t* at = made.certificate.data();
  i2d_X509(x509, &at);
  PKCS8_PRIV_KEY_INFO* info = EVP_PKEY2PKCS8(key);
  made.key.resize(static_cast<size_t>(i2d_PKCS8_PRIV_KEY_INFO(info, nullptr)));
  at = made.key.data();
  i2d_PKCS8_PRIV_KEY_INFO(info, &at);
  PKCS8_PRIV_KEY_INFO_free(info);
  X509_free(x509);
  EVP_PKEY_free(key);
  return made;
}

inline std::shared_ptr<TlsIdentity> makeTestIdentity(const TestCertificate& from) {
  Status status = Status::kError;
  std::string error;
  std::shared_ptr<TlsIdentity> identity = TlsIdentity::make(from.certificate, from.key, status, error);
  CHECK(error == "");
  REQUIRE(identity != nullptr);
  return identity;
}

/// One for all tests that do not care.
inline std::shared_ptr<TlsIdentity> sharedTestIdentity() {
  static const std::shared_ptr<TlsIdentity> identity = makeTestIdentity(makeTestCertificate());
  return identity;
}

}  // namespace kist
