#include "crypto/ntor_v3.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "base/assert.h"
#include "crypto/aes_ctr.h"
#include "crypto/ntor.h"
#include "crypto/secret_bytes.h"
#include "crypto/text_bytes.h"
#include "crypto/tweaked_hash.h"
#include "crypto/x25519.h"

namespace kist {

namespace {

using Kind = TweakedHash::Kind;

/// Of identities, hashes, MACs and their keys, and of AES-256 keys.
constexpr size_t kBytes = 32;
static_assert(kX25519Bytes == kBytes);

// VER of circuits is in no specification; clients of the network all use this one.
constexpr std::string_view kCircuitVerification = "circuit extend";

constexpr std::string_view kProtocolId = "ntor3-curve25519-sha3_256-1";
constexpr std::string_view kTweakPhase1 = "ntor3-curve25519-sha3_256-1:kdf_phase1";
constexpr std::string_view kTweakMac = "ntor3-curve25519-sha3_256-1:msg_mac";
constexpr std::string_view kTweakKeySeed = "ntor3-curve25519-sha3_256-1:key_seed";
constexpr std::string_view kTweakVerify = "ntor3-curve25519-sha3_256-1:verify";
constexpr std::string_view kTweakFinal = "ntor3-curve25519-sha3_256-1:kdf_final";
constexpr std::string_view kTweakAuth = "ntor3-curve25519-sha3_256-1:auth_final";

/// N_EXTENSIONS 1, then for each: type 1, length 1, body. Nothing may be missing or left over.
bool isExtensionList(ByteSpan message) {
  if (message.empty()) return false;
  size_t at = 1;
  for (int left = message[0]; left > 0; --left) {
    if (message.size() - at < 2) return false;
    const size_t length = 2u + message[at + 1];
    if (message.size() - at < length) return false;
    at += length;
  }
  return at == message.size();
}

}  // namespace

NtorV3Server::~NtorV3Server() {
  OPENSSL_cleanse(onionShared_.data(), onionShared_.size());
  if (!clientMessage_.empty()) OPENSSL_cleanse(clientMessage_.data(), clientMessage_.size());
}

bool NtorV3Server::open(ByteSpan skin) {
  if (skin.size() < 4 * kBytes) return false;
  const ByteSpan nodeId = skin.first(kBytes);
  const ByteSpan keyId = skin.subspan(kBytes, kBytes);
  const ByteSpan clientKey = skin.subspan(2 * kBytes, kBytes);
  const ByteSpan encrypted = skin.subspan(3 * kBytes, skin.size() - 4 * kBytes);
  const ByteSpan mac = skin.last(kBytes);
  onionKey_ = findOnionKey(identity_, keyId);
  if (onionKey_ == nullptr || CRYPTO_memcmp(nodeId.data(), identity_.ed25519.data(), kBytes) != 0 ||
      !deriveX25519(*onionKey_, clientKey, onionShared_)) {
    return false;
  }

  TweakedHash phase1(Kind::kShake, kTweakPhase1);
  for (const ByteSpan part : {ByteSpan(onionShared_), nodeId, clientKey, keyId, bytesOf(kProtocolId)}) {
    phase1.add(part);
  }
  phase1.addEncapsulated(verification_);
  SecretBytes<2 * kBytes> keys;
  if (!phase1.finish(keys.take(2 * kBytes))) return false;

  TweakedHash macHash(Kind::kSha3, kTweakMac);
  macHash.addEncapsulated(keys.all().last(kBytes));
  for (const ByteSpan part : {nodeId, keyId, clientKey, encrypted}) macHash.add(part);
  uint8_t expected[kBytes];
  if (!macHash.finish(expected) || CRYPTO_memcmp(expected, mac.data(), kBytes) != 0) return false;

  AesCtr cipher;
  if (!cipher.start(keys.all().first(kBytes))) return false;
  clientMessage_.assign(encrypted.begin(), encrypted.end());
  cipher.crypt(clientMessage_.data(), clientMessage_.size());
  std::copy(clientKey.begin(), clientKey.end(), clientKey_.begin());
  std::copy(mac.begin(), mac.end(), clientMac_.begin());
  return true;
}

bool NtorV3Server::answer(const OnionKey& ephemeral, ByteSpan message, std::vector<uint8_t>& reply,
                          MutableByteSpan keystream) {
  KIST_ASSERT(onionKey_ != nullptr && keystream.size() <= kMaxKeystream);
  const ByteSpan nodeId(identity_.ed25519);
  const ByteSpan onionKey(onionKey_->publicKey);
  const ByteSpan ownKey(ephemeral.publicKey);
  SecretBytes<kBytes> shared;  // Xy.
  if (!deriveX25519(ephemeral, clientKey_, shared.take(kBytes))) return false;

  // Both hashes are over the same secret_input.
  SecretBytes<2 * kBytes> hashes;
  for (const std::string_view tweak : {kTweakKeySeed, kTweakVerify}) {
    TweakedHash hash(Kind::kSha3, tweak);
    for (const ByteSpan part : {shared.all(), ByteSpan(onionShared_), nodeId, onionKey, ByteSpan(clientKey_),
                                ownKey, bytesOf(kProtocolId)}) {
      hash.add(part);
    }
    hash.addEncapsulated(verification_);
    if (!hash.finish(hashes.take(kBytes))) return false;
  }

  TweakedHash final(Kind::kShake, kTweakFinal);
  final.add(hashes.all().first(kBytes));
  SecretBytes<kBytes + kMaxKeystream> raw;
  if (!final.finish(raw.take(kBytes + keystream.size()))) return false;

  reply.assign(ownKey.begin(), ownKey.end());
  reply.resize(2 * kBytes);
  reply.insert(reply.end(), message.begin(), message.end());
  const MutableByteSpan encrypted = MutableByteSpan(reply).subspan(2 * kBytes);
  AesCtr cipher;
  if (!cipher.start(raw.all().first(kBytes))) return false;
  cipher.crypt(encrypted.data(), encrypted.size());

  TweakedHash auth(Kind::kSha3, kTweakAuth);
  for (const ByteSpan part :
       {hashes.all().last(kBytes), nodeId, onionKey, ownKey, ByteSpan(clientKey_), ByteSpan(clientMac_)}) {
    auth.add(part);
  }
  auth.addEncapsulated(encrypted);
  auth.add(bytesOf(kProtocolId));
  auth.add(bytesOf("Server"));
  const ByteSpan stream = raw.all().subspan(kBytes);
  std::copy(stream.begin(), stream.end(), keystream.begin());
  return auth.finish(MutableByteSpan(reply).subspan(kBytes, kBytes));
}

bool answerNtorV3(ByteSpan skin, const OnionIdentity& identity, const OnionKey& ephemeral, OnionAnswer& out) {
  static constexpr uint8_t kNoExtensions[1] = {0};
  NtorV3Server server(identity, bytesOf(kCircuitVerification));
  if (!server.open(skin) || !isExtensionList(server.clientMessage())) return false;
  SecretBytes<RelayKeys::kBytes> keys;
  return server.answer(ephemeral, kNoExtensions, out.reply, keys.take(RelayKeys::kBytes)) &&
         RelayKeys::fromBytes(keys.all(), out.keys);
}

}  // namespace kist
