#pragma once

#include <span>
#include <string_view>

#include "cell/dialect.h"

namespace kist {

/// Every dialect; the compliance suite runs over it.
std::span<const Dialect* const> dialects();
/// Null when there is none of that name.
const Dialect* findDialect(std::string_view name);

}  // namespace kist
