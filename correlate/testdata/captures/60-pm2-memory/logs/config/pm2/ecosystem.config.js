module.exports = { apps: [
  {
    "name": "shop",
    "script": "dist/main.js",
    "cwd": "/srv/shop",
    "env": {
      "PORT": "3000",
      "FRAMEWORK": "express",
      "REQUIRE": "./lib/pricing.js",
      "WARMUP_MS": "5000"
    },
    "max_memory_restart": "120M"
  }
] };
