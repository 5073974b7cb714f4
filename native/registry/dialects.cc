#include "registry/dialects.h"

#include "cell/tor61_dialect.h"
#include "cell/tor_dialect.h"

namespace kist {

namespace {

const Tor61Dialect kTor61;
const TorDialect kTor;

const Dialect* const kDialects[] = {&kTor61, &kTor};

}  // namespace

std::span<const Dialect* const> dialects() { return kDialects; }

const Dialect* findDialect(std::string_view name) {
  for (const Dialect* dialect : kDialects) {
    if (name == dialect->name()) return dialect;
  }
  return nullptr;
}

}  // namespace kist
