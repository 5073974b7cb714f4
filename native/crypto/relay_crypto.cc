#include "crypto/relay_crypto.h"

#include <array>

#include "crypto/one_way_layer.h"

namespace kist {

namespace {

class RelayCrypto final : public CircuitCrypto {
 public:
  [[nodiscard]] bool start(const RelayKeys& keys) {
    return forward_.start(keys.forwardKey, keys.forwardDigest) &&
           backward_.start(keys.backwardKey, keys.backwardDigest);
  }

  bool open(uint8_t* payload) override {
    forward_.crypt(payload);
    return forward_.recognises(payload, openedDigest_.data());
  }
  void wrap(uint8_t* payload) override { backward_.crypt(payload); }
  void seal(uint8_t* payload, uint32_t /*hop*/) override {
    backward_.stamp(payload, sealedDigest_.data());
    backward_.crypt(payload);
  }

  uint32_t openedHop() const override { return 0; }
  const uint8_t* openedDigest() const override { return openedDigest_.data(); }
  const uint8_t* sealedDigest() const override { return sealedDigest_.data(); }
  bool addHop(const RelayKeys& /*keys*/) override { return false; }

 private:
  OneWayLayer forward_;
  OneWayLayer backward_;
  std::array<uint8_t, kDigestBytes> openedDigest_{};
  std::array<uint8_t, kDigestBytes> sealedDigest_{};
};

}  // namespace

std::unique_ptr<CircuitCrypto> makeRelayCrypto(const RelayKeys& keys) {
  auto crypto = std::make_unique<RelayCrypto>();
  if (!crypto->start(keys)) return nullptr;
  return crypto;
}

}  // namespace kist
