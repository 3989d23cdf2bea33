module.exports = { apps: [
  {
    "name": "shop",
    "script": "dist/main.js",
    "cwd": "/srv/shop",
    "env": {
      "PORT": "3000",
      "FRAMEWORK": "http",
      "REQUIRE": "./lib/pricing.js"
    }
  }
] };
