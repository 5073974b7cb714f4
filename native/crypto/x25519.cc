#include "crypto/x25519.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <memory>

namespace kist {

namespace {

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeContext {
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, FreeContext>;

constexpr char kAlgorithm[] = "X25519";

/// Takes both halves as they are. From the secret alone OpenSSL would compute the public one anew, which
/// costs as much as the exchange itself.
Key importPair(const OnionKey& pair) {
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, kAlgorithm, nullptr));
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1) return nullptr;
  OnionKey copy(pair);  // The parameters want bytes that are not const.
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, copy.publicKey.data(),
                                        copy.publicKey.size()),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, copy.secretKey.data(),
                                        copy.secretKey.size()),
      OSSL_PARAM_construct_end(),
  };
  EVP_PKEY* key = nullptr;
  if (EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, params) != 1) return nullptr;
  return Key(key);
}

}  // namespace

bool generateX25519(OnionKey& out) {
  const Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, kAlgorithm));
  if (!key) return false;
  size_t publicBytes = out.publicKey.size();
  size_t secretBytes = out.secretKey.size();
  return EVP_PKEY_get_raw_public_key(key.get(), out.publicKey.data(), &publicBytes) == 1 &&
         EVP_PKEY_get_raw_private_key(key.get(), out.secretKey.data(), &secretBytes) == 1 &&
         publicBytes == kX25519Bytes && secretBytes == kX25519Bytes;
}

bool deriveX25519(const OnionKey& own, ByteSpan peer, MutableByteSpan shared) {
  static constexpr uint8_t kZeros[kX25519Bytes] = {};
  if (peer.size() != kX25519Bytes || shared.size() != kX25519Bytes) return false;
  const Key ownKey = importPair(own);
  const Key peerKey(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, peer.data(), peer.size()));
  if (!ownKey || !peerKey) return false;
  const KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, ownKey.get(), nullptr));
  size_t length = shared.size();
  if (!context || EVP_PKEY_derive_init(context.get()) != 1 ||
      EVP_PKEY_derive_set_peer(context.get(), peerKey.get()) != 1 ||
      EVP_PKEY_derive(context.get(), shared.data(), &length) != 1) {
    return false;
  }
  return length == kX25519Bytes && CRYPTO_memcmp(shared.data(), kZeros, kX25519Bytes) != 0;
}

}  // namespace kist
