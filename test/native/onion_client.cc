#include "onion_client.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <algorithm>
#include <initializer_list>
#include <string>

namespace kist {

namespace {

Bytes join(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}
Bytes text(std::string_view value) { return {value.begin(), value.end()}; }
Bytes slice(const Bytes& bytes, size_t from, size_t length) {
  return {bytes.begin() + static_cast<std::ptrdiff_t>(from),
          bytes.begin() + static_cast<std::ptrdiff_t>(from + length)};
}
Bytes encap(const Bytes& bytes) {
  Bytes length(8);
  for (size_t i = 0; i < 8; ++i) length[7 - i] = static_cast<uint8_t>(bytes.size() >> (8 * i));
  return join({length, bytes});
}

Bytes exchange(const Bytes& secret, const Bytes& peer) {
  EVP_PKEY* own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, secret.data(), secret.size());
  EVP_PKEY* other = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, peer.data(), peer.size());
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new(own, nullptr);
  Bytes shared(32);
  size_t length = shared.size();
  EVP_PKEY_derive_init(context);
  EVP_PKEY_derive_set_peer(context, other);
  EVP_PKEY_derive(context, shared.data(), &length);
  EVP_PKEY_CTX_free(context);
  EVP_PKEY_free(other);
  EVP_PKEY_free(own);
  return shared;
}

const std::string kNtor = "ntor-curve25519-sha256-1";
const std::string kNtor3 = "ntor3-curve25519-sha3_256-1";

Bytes hmac(const Bytes& message, std::string_view tweak) {
  const std::string key = kNtor + std::string(tweak);
  Bytes out(32);
  size_t length = 0;
  EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, key.data(), key.size(), message.data(),
            message.size(), out.data(), out.size(), &length);
  return out;
}

Bytes hkdf(const Bytes& input, size_t length) {
  std::string salt = kNtor + ":key_extract";
  std::string info = kNtor + ":key_expand";
  Bytes key(input);
  Bytes out(length);
  char hash[] = "SHA256";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, hash, 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key.data(), key.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt.data(), salt.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data(), info.size()),
      OSSL_PARAM_construct_end()};
  EVP_KDF* kdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  EVP_KDF_CTX* context = EVP_KDF_CTX_new(kdf);
  EVP_KDF_derive(context, out.data(), out.size(), params);
  EVP_KDF_CTX_free(context);
  EVP_KDF_free(kdf);
  return out;
}

Bytes keccak(const char* name, std::string_view tweak, const Bytes& input, size_t length) {
  const Bytes all = join({encap(text(kNtor3 + std::string(tweak))), input});
  EVP_MD* hash = EVP_MD_fetch(nullptr, name, nullptr);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  Bytes out(length);
  EVP_DigestInit_ex2(context, hash, nullptr);
  EVP_DigestUpdate(context, all.data(), all.size());
  if (std::string_view(name) == "SHAKE-256") {
    EVP_DigestFinalXOF(context, out.data(), length);
  } else {
    EVP_DigestFinal_ex(context, out.data(), nullptr);
  }
  EVP_MD_CTX_free(context);
  EVP_MD_free(hash);
  return out;
}
Bytes sha3(std::string_view tweak, const Bytes& input) { return keccak("SHA3-256", tweak, input, 32); }
Bytes shake(std::string_view tweak, const Bytes& input, size_t length) {
  return keccak("SHAKE-256", tweak, input, length);
}

Bytes aes256(const Bytes& key, const Bytes& input) {
  const Bytes counter(16);
  Bytes out(input.size() + 1);
  int length = 0;
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  EVP_EncryptInit_ex(context, EVP_aes_256_ctr(), nullptr, key.data(), counter.data());
  EVP_EncryptUpdate(context, out.data(), &length, input.data(), static_cast<int>(input.size()));
  EVP_CIPHER_CTX_free(context);
  out.resize(input.size());
  return out;
}

}  // namespace

Bytes x25519Public(const Bytes& secret) {
  Bytes base(32);
  base[0] = 9;
  return exchange(secret, base);
}

OnionKey onionKeyOf(const Bytes& secret) {
  OnionKey key;
  const Bytes open = x25519Public(secret);
  std::copy(open.begin(), open.end(), key.publicKey.begin());
  std::copy(secret.begin(), secret.end(), key.secretKey.begin());
  return key;
}

Bytes OnionClient::publicKey() const { return x25519Public(secretKey); }

Bytes OnionClient::ntorSkin() const { return join({nodeId, onionKey, publicKey()}); }

std::optional<Bytes> OnionClient::ntorKeys(const Bytes& reply, size_t length) const {
  if (reply.size() != 64) return std::nullopt;
  const Bytes open = publicKey();
  const Bytes server = slice(reply, 0, 32);
  const Bytes input = join({exchange(secretKey, server), exchange(secretKey, onionKey), nodeId, onionKey,
                            open, server, text(kNtor)});
  const Bytes auth = hmac(
      join({hmac(input, ":verify"), nodeId, onionKey, server, open, text(kNtor), text("Server")}), ":mac");
  if (auth != slice(reply, 32, 32)) return std::nullopt;
  return hkdf(input, length);
}

Bytes OnionClient::ntorV3Skin(const Bytes& message) const {
  const Bytes open = publicKey();
  const Bytes keys = shake(
      ":kdf_phase1",
      join({exchange(secretKey, onionKey), nodeId, open, onionKey, text(kNtor3), encap(verification)}), 64);
  const Bytes encrypted = aes256(slice(keys, 0, 32), message);
  const Bytes mac = sha3(":msg_mac", join({encap(slice(keys, 32, 32)), nodeId, onionKey, open, encrypted}));
  return join({nodeId, onionKey, open, encrypted, mac});
}

std::optional<OnionClient::V3Result> OnionClient::ntorV3Keys(const Bytes& skin, const Bytes& reply,
                                                             size_t length) const {
  if (reply.size() < 64) return std::nullopt;
  const Bytes open = publicKey();
  const Bytes server = slice(reply, 0, 32);
  const Bytes encrypted = slice(reply, 64, reply.size() - 64);
  const Bytes input = join({exchange(secretKey, server), exchange(secretKey, onionKey), nodeId, onionKey,
                            open, server, text(kNtor3), encap(verification)});
  const Bytes auth = sha3(":auth_final", join({sha3(":verify", input), nodeId, onionKey, server, open,
                                               slice(skin, skin.size() - 32, 32), encap(encrypted),
                                               text(kNtor3), text("Server")}));
  if (auth != slice(reply, 32, 32)) return std::nullopt;
  const Bytes stream = shake(":kdf_final", sha3(":key_seed", input), 32 + length);
  return V3Result{aes256(slice(stream, 0, 32), encrypted), slice(stream, 32, length)};
}

}  // namespace kist
