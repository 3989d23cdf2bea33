import 'reflect-metadata';
import { setTimeout as pause } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module';

// HOST, PORT: where nginx looks. WARM_UP_MS: what a real application spends on
// connections and caches before it listens.
async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule);
  await pause(Number(process.env.WARM_UP_MS ?? 0));
  const host = process.env.HOST ?? '127.0.0.1';
  const port = Number(process.env.PORT ?? 3000);
  await app.listen(port, host);
  Logger.log(`Listening on http://${host}:${port}`, 'Bootstrap');
}

main().catch((err: unknown) => {
  console.error(err);
  process.exit(1);
});
