// Serves the page for players, the page for operators, and a stream of events for each.

import Fastify from 'fastify';
import serveFiles from '@fastify/static';
import { fileURLToPath } from 'node:url';
import { Database } from './database.js';
import { Feed } from './events.js';
import { followOperations } from './operations.js';
import { followPools } from './pools.js';

const host = process.env.HOST ?? '127.0.0.1';
const port = Number(process.env.PORT ?? 3000);
const folder = (path) => fileURLToPath(new URL(path, import.meta.url));

const database = new Database();
const players = new Feed('players', followPools(database), { interval: 250 });
const operators = new Feed('operators', followOperations(database), { interval: 1000, tellsErrors: true });

const app = Fastify({ forceCloseConnections: true, exposeHeadRoutes: false });

app.addHook('onSend', async (request, reply) => {
  reply.header('Content-Security-Policy', "default-src 'self'");
  reply.header('X-Content-Type-Options', 'nosniff');
});

app.register(serveFiles, { root: folder('public') });
for (const [prefix, library] of [
  ['/fonts/', 'node_modules/@fontsource-variable/inter/'],
  ['/charts/', 'node_modules/uplot/dist/'],
]) {
  app.register(serveFiles, { root: folder(library), prefix, decorateReply: false });
}

app.get('/operations', (request, reply) => reply.sendFile('operations.html'));
app.get('/events', (request, reply) => players.listen(reply));
app.get('/operations/events', (request, reply) => operators.listen(reply));

app.addHook('preClose', async () => {
  players.close();
  operators.close();
});
app.addHook('onClose', () => database.close());
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => app.close());

try {
  console.log(await app.listen({ host, port }));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
  await app.close();
}
