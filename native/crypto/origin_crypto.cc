#include "crypto/origin_crypto.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/assert.h"
#include "crypto/one_way_layer.h"

namespace kist {

namespace {

class OriginCrypto final : public CircuitCrypto {
 public:
  bool open(uint8_t* payload) override {
    for (size_t i = 0; i < hops_.size(); ++i) {
      OneWayLayer& layer = hops_[i]->backward;
      layer.crypt(payload);
      if (layer.recognises(payload, openedDigest_.data())) {
        openedHop_ = static_cast<uint32_t>(i);
        return true;
      }
    }
    return false;
  }
  void wrap(uint8_t* /*payload*/) override {}
  void seal(uint8_t* payload, uint32_t hop) override {
    KIST_ASSERT(!hops_.empty());
    const size_t receiver = std::min<size_t>(hop, hops_.size() - 1);
    hops_[receiver]->forward.stamp(payload, sealedDigest_.data());
    for (size_t i = receiver + 1; i-- > 0;) hops_[i]->forward.crypt(payload);
  }

  uint32_t openedHop() const override { return openedHop_; }
  const uint8_t* openedDigest() const override { return openedDigest_.data(); }
  const uint8_t* sealedDigest() const override { return sealedDigest_.data(); }

  bool addHop(const RelayKeys& keys) override {
    if (hops_.size() >= kMaxHops) return false;
    auto hop = std::make_unique<Hop>();
    if (!hop->forward.start(keys.forwardKey, keys.forwardDigest) ||
        !hop->backward.start(keys.backwardKey, keys.backwardDigest)) {
      return false;
    }
    hops_.push_back(std::move(hop));
    return true;
  }

 private:
  struct Hop {
    OneWayLayer forward;
    OneWayLayer backward;
  };

  std::vector<std::unique_ptr<Hop>> hops_;
  uint32_t openedHop_ = 0;
  std::array<uint8_t, kDigestBytes> openedDigest_{};
  std::array<uint8_t, kDigestBytes> sealedDigest_{};
};

}  // namespace

std::unique_ptr<CircuitCrypto> makeOriginCrypto() { return std::make_unique<OriginCrypto>(); }

}  // namespace kist
