#include "edge/flow_window.h"

#include <cstring>

namespace kist {

void CircuitWindow::remember(const uint8_t* digest) {
  std::memcpy(digests_[(oldest_ + digestCount_) % kMostDigests].data(), digest, kDigestBytes);
  ++digestCount_;
}

bool CircuitWindow::onSendme(ByteSpan body) {
  constexpr uint8_t kVersion = 1;
  if (digestCount_ == 0 || body.size() < kSendmeBytes || body[0] != kVersion) return false;
  const uint16_t length = loadU16(body.data() + 1);
  if (length < kDigestBytes || size_t{length} + 3 > body.size()) return false;
  if (std::memcmp(digests_[oldest_].data(), body.data() + 3, kDigestBytes) != 0) return false;
  oldest_ = (oldest_ + 1) % kMostDigests;
  --digestCount_;
  package_ += kIncrement;
  return true;
}

void CircuitWindow::encodeSendme(uint8_t* body, const uint8_t* digest) {
  body[0] = 1;
  storeU16(body + 1, static_cast<uint16_t>(kDigestBytes));
  std::memcpy(body + 3, digest, kDigestBytes);
}

bool StreamWindow::onDelivered(uint64_t received) {
  if (markCount_ == kMostMarks) return false;
  if (++cells_ < kIncrement) return true;
  cells_ = 0;
  marks_[(oldest_ + markCount_) % kMostMarks] = received;
  ++markCount_;
  return true;
}

bool StreamWindow::takeSendme(uint64_t taken) {
  if (markCount_ == 0 || taken < marks_[oldest_]) return false;
  oldest_ = (oldest_ + 1) % kMostMarks;
  --markCount_;
  return true;
}

}  // namespace kist
