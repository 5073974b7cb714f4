// Circuit handshakes from strangers: whatever the skin, it is answered within a cell or refused.
// Input: two bytes of HTYPE, one that says which valid beginnings are put in (1: the node's identity, 2: its
// onion key, 4: the key before it), then the skin.
#include <algorithm>
#include <cstdlib>

#include "crypto/onion_handshake.h"
#include "crypto/x25519.h"

namespace {

using namespace kist;

constexpr size_t kMostSkin = 505;
/// HDATA of CREATED2 that EXTENDED2 can still carry.
constexpr size_t kMostReply = 496;

OnionIdentity makeIdentity() {
  OnionIdentity identity;
  identity.rsaDigest.fill(0x11);
  identity.ed25519.fill(0x22);
  for (int i = 0; i < 2; ++i) {
    OnionKey key;
    if (!generateX25519(key)) std::abort();
    identity.keys.push_back(key);
  }
  return identity;
}

void put(std::vector<uint8_t>& skin, size_t at, ByteSpan bytes) {
  if (at >= skin.size()) return;
  std::copy_n(bytes.begin(), std::min(bytes.size(), skin.size() - at),
              skin.begin() + static_cast<std::ptrdiff_t>(at));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3) return 0;
  static const OnionIdentity kIdentity = makeIdentity();
  static const OnionIdentity kNobody;
  const uint16_t type = loadU16(data);
  const uint8_t valid = data[2];
  std::vector<uint8_t> skin(data + 3, data + std::min(size, kMostSkin + 3));
  const ByteSpan node = type == kOnionNtorV3 ? ByteSpan(kIdentity.ed25519) : ByteSpan(kIdentity.rsaDigest);
  if ((valid & 1) != 0) put(skin, 0, node);
  if ((valid & 2) != 0) put(skin, node.size(), kIdentity.keys[(valid & 4) != 0 ? 1 : 0].publicKey);
  OnionAnswer answer;
  if (answerOnion(type, skin, kIdentity, answer) &&
      (answer.reply.empty() || answer.reply.size() > kMostReply))
    std::abort();
  if (type != kOnionFast && answerOnion(type, skin, kNobody, answer)) std::abort();
  return 0;
}
