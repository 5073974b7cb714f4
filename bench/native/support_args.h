#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace kist {

/// Ends a bench program that was called wrongly or cannot go on; the message names the thing.
[[noreturn]] inline void fail(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(2);
}

/// `--name value` pairs of a bench program's command line. Every option must be asked for before finish().
class Args {
 public:
  Args(int argc, char** argv, int first) {
    for (int i = first; i < argc; i += 2) {
      const std::string name = argv[i];
      if (name.rfind("--", 0) != 0 || i + 1 >= argc) fail("expected --option value, got " + name);
      pairs_.push_back({name.substr(2), argv[i + 1], false});
    }
  }

  std::string text(const std::string& name, const std::string& fallback = "") {
    for (Pair& pair : pairs_) {
      if (pair.name != name) continue;
      pair.used = true;
      return pair.value;
    }
    return fallback;
  }

  int64_t number(const std::string& name, int64_t fallback, int64_t min, int64_t max) {
    const std::string value = text(name);
    if (value.empty()) return fallback;
    char* end = nullptr;
    const int64_t number = std::strtoll(value.c_str(), &end, 10);
    if (*end != '\0' || number < min || number > max) {
      fail("--" + name + " must be " + std::to_string(min) + " to " + std::to_string(max) + ", got " + value);
    }
    return number;
  }

  /// The parts between commas.
  std::vector<std::string> list(const std::string& name) {
    std::vector<std::string> parts;
    const std::string value = text(name);
    for (size_t at = 0; at < value.size();) {
      const size_t comma = std::min(value.find(',', at), value.size());
      parts.push_back(value.substr(at, comma - at));
      at = comma + 1;
    }
    return parts;
  }

  void finish() const {
    for (const Pair& pair : pairs_) {
      if (!pair.used) fail("unknown option --" + pair.name);
    }
  }

 private:
  struct Pair {
    std::string name, value;
    bool used;
  };
  std::vector<Pair> pairs_;
};

}  // namespace kist
