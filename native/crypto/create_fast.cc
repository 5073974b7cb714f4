#include "crypto/create_fast.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "crypto/running_digest.h"
#include "crypto/secret_bytes.h"

namespace kist {

void kdfTor(ByteSpan input, MutableByteSpan out) {
  KIST_ASSERT(out.size() <= 256 * RunningDigest::kBytes);
  RunningDigest start;
  start.add(input);
  uint8_t counter = 0;
  for (size_t done = 0; done < out.size(); ++counter) {
    RunningDigest digest(start);
    digest.add({&counter, 1});
    SecretBytes<RunningDigest::kBytes> block;
    digest.read(block.take(RunningDigest::kBytes).data());
    const size_t length = std::min(RunningDigest::kBytes, out.size() - done);
    std::memcpy(out.data() + done, block.all().data(), length);
    done += length;
  }
}

bool answerFast(ByteSpan skin, ByteSpan ownShare, OnionAnswer& out) {
  if (skin.size() < kFastBytes || ownShare.size() != kFastBytes) return false;
  SecretBytes<2 * kFastBytes> input;
  input.add(skin.first(kFastBytes));
  input.add(ownShare);
  SecretBytes<kFastBytes + RelayKeys::kBytes> derived;
  kdfTor(input.all(), derived.take(kFastBytes + RelayKeys::kBytes));
  // KH proves to the client that we know the keys; they follow it.
  const ByteSpan proof = derived.all().first(kFastBytes);
  out.reply.assign(ownShare.begin(), ownShare.end());
  out.reply.insert(out.reply.end(), proof.begin(), proof.end());
  return RelayKeys::fromBytes(derived.all().subspan(kFastBytes), out.keys);
}

}  // namespace kist
