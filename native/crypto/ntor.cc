#include "crypto/ntor.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "crypto/hkdf.h"
#include "crypto/secret_bytes.h"
#include "crypto/text_bytes.h"
#include "crypto/x25519.h"

namespace kist {

namespace {

constexpr size_t kNodeIdBytes = 20;
constexpr size_t kHashBytes = 32;
constexpr size_t kSkinBytes = kNodeIdBytes + 2 * kX25519Bytes;

constexpr std::string_view kProtocolId = "ntor-curve25519-sha256-1";
constexpr std::string_view kTweakMac = "ntor-curve25519-sha256-1:mac";
constexpr std::string_view kTweakKey = "ntor-curve25519-sha256-1:key_extract";
constexpr std::string_view kTweakVerify = "ntor-curve25519-sha256-1:verify";
constexpr std::string_view kExpand = "ntor-curve25519-sha256-1:key_expand";
constexpr std::string_view kServer = "Server";

}  // namespace

const OnionKey* findOnionKey(const OnionIdentity& identity, ByteSpan keyId) {
  const OnionKey* found = nullptr;
  if (keyId.size() != kX25519Bytes) return nullptr;
  for (const OnionKey& key : identity.keys) {
    if (CRYPTO_memcmp(key.publicKey.data(), keyId.data(), kX25519Bytes) == 0) found = &key;
  }
  return found;
}

bool answerNtor(ByteSpan skin, const OnionIdentity& identity, const OnionKey& ephemeral, OnionAnswer& out) {
  if (skin.size() != kSkinBytes) return false;
  const ByteSpan nodeId = skin.first(kNodeIdBytes);
  const ByteSpan keyId = skin.subspan(kNodeIdBytes, kX25519Bytes);
  const ByteSpan clientKey = skin.last(kX25519Bytes);
  const OnionKey* onionKey = findOnionKey(identity, keyId);
  if (onionKey == nullptr || CRYPTO_memcmp(nodeId.data(), identity.rsaDigest.data(), kNodeIdBytes) != 0) {
    return false;
  }

  SecretBytes<5 * kX25519Bytes + kNodeIdBytes + kProtocolId.size()> secretInput;
  if (!deriveX25519(ephemeral, clientKey, secretInput.take(kX25519Bytes)) ||
      !deriveX25519(*onionKey, clientKey, secretInput.take(kX25519Bytes))) {
    return false;
  }
  for (const ByteSpan part :
       {nodeId, keyId, clientKey, ByteSpan(ephemeral.publicKey), bytesOf(kProtocolId)}) {
    secretInput.add(part);
  }

  SecretBytes<kHashBytes + kNodeIdBytes + 3 * kX25519Bytes + kProtocolId.size() + kServer.size()> authInput;
  if (!hmacSha256(bytesOf(kTweakVerify), secretInput.all(), authInput.take(kHashBytes))) return false;
  for (const ByteSpan part :
       {nodeId, keyId, ByteSpan(ephemeral.publicKey), clientKey, bytesOf(kProtocolId), bytesOf(kServer)}) {
    authInput.add(part);
  }

  out.reply.assign(kX25519Bytes + kHashBytes, 0);
  std::copy(ephemeral.publicKey.begin(), ephemeral.publicKey.end(), out.reply.begin());
  const MutableByteSpan auth = MutableByteSpan(out.reply).last(kHashBytes);
  // A nonce for onion services would follow the keys; nothing here needs it.
  SecretBytes<RelayKeys::kBytes> keys;
  return hmacSha256(bytesOf(kTweakMac), authInput.all(), auth) &&
         hkdfSha256(bytesOf(kTweakKey), secretInput.all(), bytesOf(kExpand), keys.take(RelayKeys::kBytes)) &&
         RelayKeys::fromBytes(keys.all(), out.keys);
}

}  // namespace kist
