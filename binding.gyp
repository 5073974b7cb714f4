# The native half: a core library that does not know Node, the addon over it, and on demand the C++ tests.
# native/build.mjs drives it. It also reads this file (lines that start with # are comments, the rest is strict
# JSON) to add one executable per file of bench/native. Node's own OpenSSL is on the include path. npm and build.mjs
# say in npm_node_execpath which Node asks. Warnings are errors with strict=1 (all builds for developers), not where
# somebody installs the package with a compiler that we have not seen.
{
  "variables": { "san%": "", "strict%": 0, "kist_tests%": 0 },
  "target_defaults": {
    "include_dirs": ["native"],
    "cflags_cc!": ["-std=gnu++17", "-std=gnu++20", "-fexceptions", "-frtti"],
    # g++ 12 reports -Wrestrict inside std::string's own operator+.
    "cflags_cc": [
      "-std=c++20", "-O3", "-g", "-fPIC", "-fno-exceptions", "-fno-rtti", "-fvisibility=hidden",
      "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wno-restrict",
      "-isystem '<(node_root_dir)/include/node'"
    ],
    "ldflags": ["-Wl,-z,relro,-z,now"],
    "conditions": [
      ["strict==1", { "cflags_cc": ["-Werror"] }],
      ["san!=''", {
        "cflags_cc": [
          "-fsanitize=<(san)", "-fno-sanitize=vptr", "-fno-sanitize-recover=undefined", "-O1", "-fno-omit-frame-pointer"
        ],
        "ldflags": ["-fsanitize=<(san)"]
      }]
    ]
  },
  "targets": [
    {
      "target_name": "kist_core",
      "type": "static_library",
      "sources": ["<!@(\"${npm_node_execpath:-node}\" native/tools/sources.mjs native --except native/napi)"]
    },
    {
      "target_name": "kist_relay",
      "dependencies": ["kist_core"],
      "sources": ["<!@(\"${npm_node_execpath:-node}\" native/tools/sources.mjs native/napi)"],
      "defines": ["NAPI_VERSION=9", "NODE_ADDON_API_DISABLE_DEPRECATED", "NAPI_DISABLE_CPP_EXCEPTIONS"],
      "cflags_cc": ["-isystem '<!(\"${npm_node_execpath:-node}\" -p \"require('path').resolve(require('node-addon-api').include_dir)\")'"]
    }
  ],
  "conditions": [
    ["kist_tests==1", {
      "targets": [
        {
          "target_name": "kist_tests",
          "type": "executable",
          "dependencies": ["kist_core"],
          "sources": ["<!@(\"${npm_node_execpath:-node}\" native/tools/sources.mjs test/native)"],
          "include_dirs": ["test/native"],
          "libraries": ["-lssl", "-lcrypto"],
          "cflags_cc!": ["-fno-exceptions"],
          # g++ 12 at -O3 takes inserts at the end of short byte vectors for writes out of bounds.
          "cflags_cc": ["-fexceptions", "-Wno-array-bounds", "-Wno-stringop-overflow", "-Wno-stringop-overread"]
        }
      ]
    }]
  ]
}
