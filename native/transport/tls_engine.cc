#include "transport/tls_engine.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

namespace kist {

namespace {

constexpr size_t kHeader = 5;
constexpr size_t kTag = 16;           // Of each of the ciphers that are offered.
constexpr size_t kExplicitNonce = 8;  // AES-GCM in TLS 1.2.
constexpr size_t kExported = 32;
constexpr size_t kSpare = 256;  // Room beside a record: OpenSSL puts an answer to a new key before it.
constexpr std::string_view kExportLabel = "EXPORTER FOR TOR TLS CLIENT BINDING AUTH0003";

/// How much of `input` OpenSSL may have: the first record if it is whole, 0 if it is not. What cannot be a
/// record goes in as it is, so that it fails at once instead of waiting for a length that it never meant.
size_t firstRecord(ByteSpan input) {
  if (input.empty()) return 0;
  const bool isRecord = input[0] >= SSL3_RT_CHANGE_CIPHER_SPEC && input[0] <= SSL3_RT_APPLICATION_DATA;
  if (!isRecord || (input.size() > 1 && input[1] != SSL3_VERSION_MAJOR)) return input.size();
  if (input.size() < kHeader) return 0;
  const size_t length = kHeader + loadU16(input.data() + 3);
  if (length > TlsEngine::kMaxWireRecord) return input.size();
  return length <= input.size() ? length : 0;
}

/// www.[a-z2-7]{4,25}.com
std::string randomHostName() {
  constexpr char kLetters[] = "abcdefghijklmnopqrstuvwxyz234567";
  uint8_t random[26] = {};
  if (RAND_bytes(random, sizeof random) != 1) return "";
  std::string name = "www.";
  const size_t count = 4 + random[0] % 22;
  for (size_t i = 1; i <= count; ++i) name += kLetters[random[i] % 32];
  return name + ".com";
}

std::vector<uint8_t> encode(X509* certificate) {
  std::vector<uint8_t> der;
  if (certificate == nullptr) return der;
  const int length = i2d_X509(certificate, nullptr);
  if (length <= 0) return der;
  der.resize(static_cast<size_t>(length));
  uint8_t* at = der.data();
  i2d_X509(certificate, &at);
  return der;
}

}  // namespace

/// The BIO under OpenSSL: it takes from and puts into the pieces that are attached to its engine.
struct TlsEngineBio {
  static TlsEngine& engine(BIO* bio) { return *static_cast<TlsEngine*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* into, int most) {
    BIO_clear_retry_flags(bio);
    const int count = engine(bio).takeInput(into, most);
    if (count > 0) return count;
    BIO_set_retry_read(bio);
    return -1;
  }

  static int write(BIO* bio, const char* bytes, int count) {
    BIO_clear_retry_flags(bio);
    const int put = engine(bio).putOutput(bytes, count);
    if (put > 0) return put;
    BIO_set_retry_write(bio);
    return -1;
  }

  static long control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }

  static const BIO_METHOD* method() {
    static const BIO_METHOD* const kMethod = make();
    return kMethod;
  }

  static const BIO_METHOD* make() {
    BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "flat bytes");
    if (method == nullptr) return nullptr;
    BIO_meth_set_read(method, read);
    BIO_meth_set_write(method, write);
    BIO_meth_set_ctrl(method, control);
    return method;
  }
};

std::unique_ptr<TlsEngine> TlsEngine::make(const TlsIdentity::Context& context) {
  std::unique_ptr<TlsEngine> engine(new TlsEngine);
  ERR_clear_error();
  engine->ssl_ = SSL_new(context.get());
  BIO* bio = TlsEngineBio::method() == nullptr ? nullptr : BIO_new(TlsEngineBio::method());
  if (engine->ssl_ == nullptr || bio == nullptr) {
    BIO_free(bio);
    ERR_clear_error();
    return nullptr;
  }
  BIO_set_data(bio, engine.get());
  BIO_set_init(bio, 1);
  SSL_set_bio(engine->ssl_, bio, bio);
  return engine;
}

std::unique_ptr<TlsEngine> TlsEngine::makeServer(const TlsIdentity::Context& context) {
  std::unique_ptr<TlsEngine> engine = make(context);
  if (engine != nullptr) SSL_set_accept_state(engine->ssl_);
  return engine;
}

std::unique_ptr<TlsEngine> TlsEngine::makeClient(const TlsIdentity::Context& context) {
  std::unique_ptr<TlsEngine> engine = make(context);
  if (engine == nullptr) return nullptr;
  SSL_set_connect_state(engine->ssl_);
  const std::string name = randomHostName();
  if (name.empty() || SSL_set_tlsext_host_name(engine->ssl_, name.c_str()) != 1) {
    ERR_clear_error();
    return nullptr;
  }
  return engine;
}

TlsEngine::~TlsEngine() {
  SSL_free(ssl_);
  ERR_clear_error();
}

void TlsEngine::attach(ByteSpan input, MutableByteSpan output) {
  input_ = input;
  output_ = output;
  outputUsed_ = 0;
  ERR_clear_error();  // What others left would be taken for ours.
}

int TlsEngine::takeInput(char* into, int most) {
  if (recordLeft_ == 0) recordLeft_ = firstRecord(input_);
  const size_t count = std::min({recordLeft_, input_.size(), static_cast<size_t>(most)});
  if (count > 0) std::memcpy(into, input_.data(), count);
  input_ = input_.subspan(count);
  recordLeft_ -= count;
  return static_cast<int>(count);
}

int TlsEngine::putOutput(const char* bytes, int count) {
  const size_t put = std::min(static_cast<size_t>(count), outputRoom());
  if (put > 0) std::memcpy(output_.data() + outputUsed_, bytes, put);
  outputUsed_ += put;
  return static_cast<int>(put);
}

TlsEngine::Result TlsEngine::resultOf(int outcome) {
  if (outcome > 0) return Result::kOk;
  switch (SSL_get_error(ssl_, outcome)) {
    case SSL_ERROR_WANT_READ:
      return Result::kWantInput;
    case SSL_ERROR_WANT_WRITE:
      return Result::kWantRoom;
    case SSL_ERROR_ZERO_RETURN:
      return Result::kEnded;
    default:
      ERR_clear_error();
      return Result::kBroken;
  }
}

TlsEngine::Result TlsEngine::handshake() {
  const Result result = resultOf(SSL_do_handshake(ssl_));
  if (result == Result::kOk) noteCipher();
  return result;
}

void TlsEngine::noteCipher() {
  if (SSL_version(ssl_) >= TLS1_3_VERSION) {
    recordOverhead_ = kHeader + 1 + kTag;  // The record's true type travels inside.
    return;
  }
  const int cipher = SSL_CIPHER_get_cipher_nid(SSL_get_current_cipher(ssl_));
  recordOverhead_ = kHeader + kTag + (cipher == NID_chacha20_poly1305 ? 0 : kExplicitNonce);
}

TlsEngine::Result TlsEngine::read(MutableByteSpan into, size_t& bytes) {
  bytes = 0;
  while (bytes < into.size()) {
    const int most = static_cast<int>(std::min<size_t>(into.size() - bytes, 1 << 30));
    const int count = SSL_read(ssl_, into.data() + bytes, most);
    if (count <= 0) return resultOf(count);
    bytes += static_cast<size_t>(count);
  }
  return Result::kOk;
}

TlsEngine::Result TlsEngine::write(ByteSpan plain) {
  if (outputRoom() < plain.size() + recordOverhead_ + kSpare) return Result::kWantRoom;
  return resultOf(SSL_write(ssl_, plain.data(), static_cast<int>(plain.size())));
}

void TlsEngine::sayClose() {
  if (SSL_shutdown(ssl_) < 0) ERR_clear_error();
}

bool TlsEngine::hasInput(ByteSpan input) const { return SSL_pending(ssl_) > 0 || firstRecord(input) > 0; }

bool TlsEngine::exportLink(ByteSpan context, LinkSecrets& out) const {
  out.exported.resize(kExported);
  ERR_clear_error();
  const int exported = SSL_export_keying_material(ssl_, out.exported.data(), kExported, kExportLabel.data(),
                                                  kExportLabel.size(), context.data(), context.size(), 1);
  ERR_clear_error();
  if (exported != 1) return false;
  out.ownCertificate = encode(SSL_get_certificate(ssl_));
  out.peerCertificate = encode(SSL_get0_peer_certificate(ssl_));
  return true;
}

}  // namespace kist
