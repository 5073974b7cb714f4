#include "transport/tls_identity.h"

#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/ssl.h>

#include <utility>

namespace kist {

namespace {

/// Level 2: keys, groups and signatures of 112 bits at least, whatever the system's configuration says.
constexpr int kSecurityLevel = 2;
constexpr long kMaxPeerCertificates = 32 * 1024;
constexpr const char* kCiphersTls13 =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* kCiphersTls12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* kGroups = "X25519:P-256";

using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using PrivateKey = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

/// The last error of OpenSSL in its words; empties this thread's queue of them, which Node reads too.
std::string takeReason() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason == nullptr ? "unknown" : reason;
}

int acceptAnyCertificate(X509_STORE_CTX* /*store*/, void* /*argument*/) { return 1; }

TlsIdentity::Context makeContext(const SSL_METHOD* method) {
  TlsIdentity::Context context(SSL_CTX_new(method), SSL_CTX_free);
  SSL_CTX* ctx = context.get();
  if (ctx == nullptr) return nullptr;
  SSL_CTX_set_security_level(ctx, kSecurityLevel);
  const bool set = SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
                   SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
                   SSL_CTX_set_ciphersuites(ctx, kCiphersTls13) == 1 &&
                   SSL_CTX_set_cipher_list(ctx, kCiphersTls12) == 1 &&
                   SSL_CTX_set1_groups_list(ctx, kGroups) == 1 && SSL_CTX_set_num_tickets(ctx, 0) == 1;
  if (!set) return nullptr;
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_clear_options(ctx, SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_max_cert_list(ctx, kMaxPeerCertificates);
  SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_cert_verify_callback(ctx, acceptAnyCertificate, nullptr);
  return context;
}

Certificate readCertificate(ByteSpan der) {
  const uint8_t* at = der.data();
  Certificate certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())), X509_free);
  if (certificate != nullptr && at != der.data() + der.size()) certificate.reset();
  return certificate;
}

PrivateKey readPrivateKey(ByteSpan der) {
  const uint8_t* at = der.data();
  PKCS8_PRIV_KEY_INFO* info = d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(der.size()));
  PrivateKey key(nullptr, EVP_PKEY_free);
  if (info != nullptr && at == der.data() + der.size()) key.reset(EVP_PKCS82PKEY(info));
  PKCS8_PRIV_KEY_INFO_free(info);
  return key;
}

TlsIdentity::Context makeServer(ByteSpan certificateDer, ByteSpan privateKeyDer, Status& status,
                                std::string& error) {
  status = Status::kInvalid;
  const Certificate certificate = readCertificate(certificateDer);
  if (certificate == nullptr) {
    error = "the TLS certificate is not an X.509 certificate in DER: " + takeReason();
    return nullptr;
  }
  const PrivateKey key = readPrivateKey(privateKeyDer);
  if (key == nullptr) {
    error = "the TLS private key is not PKCS #8 in DER: " + takeReason();
    return nullptr;
  }
  TlsIdentity::Context context = makeContext(TLS_server_method());
  if (context == nullptr) {
    status = Status::kError;
    error = "TLS could not be set up: " + takeReason();
    return nullptr;
  }
  if (SSL_CTX_use_certificate(context.get(), certificate.get()) != 1) {
    error = "the TLS certificate cannot be used: " + takeReason();
    return nullptr;
  }
  if (SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1) {
    error = "the TLS private key cannot be used with the certificate: " + takeReason();
    return nullptr;
  }
  ERR_clear_error();
  status = Status::kOk;
  return context;
}

}  // namespace

std::shared_ptr<TlsIdentity> TlsIdentity::make(ByteSpan certificateDer, ByteSpan privateKeyDer,
                                               Status& status, std::string& error) {
  Context server = makeServer(certificateDer, privateKeyDer, status, error);
  if (server == nullptr) return nullptr;
  Context client = makeContext(TLS_client_method());
  if (client == nullptr) {
    status = Status::kError;
    error = "TLS could not be set up: " + takeReason();
    return nullptr;
  }
  return std::shared_ptr<TlsIdentity>(new TlsIdentity(std::move(server), std::move(client)));
}

Status TlsIdentity::replace(ByteSpan certificateDer, ByteSpan privateKeyDer, std::string& error) {
  Status status = Status::kOk;
  Context server = makeServer(certificateDer, privateKeyDer, status, error);
  if (server == nullptr) return status;
  const std::lock_guard<std::mutex> lock(mutex_);
  server_.swap(server);
  return Status::kOk;
}

TlsIdentity::Context TlsIdentity::serverContext() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return server_;
}

}  // namespace kist
