module.exports = { apps: [
  {
    "name": "shop",
    "script": "dist/main.js",
    "cwd": "/srv/shop",
    "env": {
      "PORT": "3000",
      "FRAMEWORK": "express",
      "REQUIRE": "./lib/pricing.js"
    },
    "exp_backoff_restart_delay": 0,
    "max_restarts": 8,
    "min_uptime": 3000
  }
] };
