{
  "targets": [
    {
      "target_name": "synod",
      "sources": ["src/addon.cc", "src/log_exports.cc", "src/link_exports.cc", "src/fabric_exports.cc", "src/mailbox/ring_race.cc", "src/shm/shared_mailbox.cc",
                  "src/shm/shm_link.cc", "src/fabric/library.cc", "src/fabric/fabric_domain.cc", "src/fabric/fabric_link.cc",
                  "src/fabric/fabric_link_open.cc", "src/fabric/fence_proof.cc", "src/log/flush_ring.cc", "src/log/flush_threads.cc", "src/log/image_flush.cc", "src/log/log.cc", "src/log/persist.cc",
                  "src/log/segment_files.cc", "src/log/segment_pool.cc", "src/log/uring.cc"],
      "include_dirs": ["include", "src", "<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS"],
      "cflags_cc": ["-std=c++17", "-O3", "-fvisibility=hidden", "-fno-exceptions"],
      "ldflags": ["-pthread"]
    }
  ]
}
