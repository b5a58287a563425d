// A small web service on Express. What a page needs besides is imported when it is asked for.
import { readdir } from 'node:fs/promises';
import express from 'express';

const app = express();
app.set('view engine', 'ejs');
app.set('views', new URL('views', import.meta.url).pathname);
app.use('/static', express.static(new URL('public', import.meta.url).pathname));
app.use(express.json());

const menu = [
  { name: 'soup', kind: 'starter', price: 4 },
  { name: 'pie', kind: 'main', price: 9 },
  { name: 'tea', kind: 'drink', price: 2 },
];

// page lets errors of asynchronous pages reach the error handler.
const page = (f) => (req, res, next) => Promise.resolve(f(req, res)).catch(next);

app.get('/', (req, res) => res.send('Hello from Node'));

app.get('/menu', (req, res) => res.render('menu', { menu }));
app.get('/menu/:kind', (req, res) => res.render(`kinds/${req.params.kind}`, { dishes: menu.filter((d) => d.kind === req.params.kind) }));

app.post('/orders', (req, res) => {
  const dish = menu.find((d) => d.name === req.body.name);
  if (!dish) return res.status(422).json({ error: `no dish ${req.body.name}` });
  res.status(201).json({ ...dish, total: dish.price * (req.body.count ?? 1) });
});

// Plugins are found by listing their directory.
app.get('/plugins', page(async (req, res) => {
  const said = [];
  for (const file of (await readdir(new URL('plugins', import.meta.url))).sort()) {
    said.push((await import(`./plugins/${file}`)).default());
  }
  res.json({ said });
}));

app.get('/intl', (req, res) => {
  const moment = new Date(Date.UTC(2024, 6, 1, 12));
  res.json({
    money: new Intl.NumberFormat('de-DE', { style: 'currency', currency: 'EUR' }).format(1234.5),
    time: moment.toLocaleString('en-GB', { timeZone: 'Asia/Kathmandu', timeStyle: 'short' }),
    day: moment.toLocaleDateString('ja-JP', { weekday: 'long', timeZone: 'UTC' }),
    sorted: ['z', 'ä', 'a'].sort(new Intl.Collator('de').compare),
  });
});

app.get('/crypto', page(async (req, res) => {
  const { createHash, generateKeyPairSync, getCiphers, scryptSync } = await import('node:crypto');
  const { rootCertificates } = await import('node:tls');
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  res.json({
    sha3: createHash('sha3-256').update('tea').digest('hex').slice(0, 8),
    scrypt: scryptSync('tea', 'milk', 16).length,
    key: publicKey.asymmetricKeyType,
    ciphers: getCiphers().includes('aes-256-gcm'),
    authorities: rootCertificates.length > 50,
  });
}));

app.get('/zip', page(async (req, res) => {
  const { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } = await import('node:zlib');
  const text = Buffer.from('tea '.repeat(100));
  res.json({ gzip: gunzipSync(gzipSync(text)).equals(text), brotli: brotliDecompressSync(brotliCompressSync(text)).equals(text) });
}));

app.get('/worker', page(async (req, res) => {
  const { Worker } = await import('node:worker_threads');
  const worker = new Worker(new URL('worker.js', import.meta.url), { workerData: 20 });
  const sum = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  res.json({ sum });
}));

app.get('/child', page(async (req, res) => {
  const { execFileSync, execSync } = await import('node:child_process');
  res.json({
    node: execFileSync(process.execPath, ['-p', '6 * 7'], { encoding: 'utf8' }).trim(),
    shell: execSync('echo tea | tr a-z A-Z', { encoding: 'utf8' }).trim(),
  });
}));

app.get('/system', page(async (req, res) => {
  const os = await import('node:os');
  const { lookup } = await import('node:dns/promises');
  const { mkdtemp, rm, writeFile, stat } = await import('node:fs/promises');
  const dir = await mkdtemp(`${os.tmpdir()}/tea-`);
  await writeFile(`${dir}/cup`, 'tea');
  const size = (await stat(`${dir}/cup`)).size;
  await rm(dir, { recursive: true });
  res.json({ user: os.userInfo().username, home: os.homedir(), size, localhost: (await lookup('localhost', 4)).address });
}));

app.get('/self', page(async (req, res) => {
  const answer = await fetch(`http://localhost:${port}/`);
  res.json({ status: answer.status, text: await answer.text() });
}));

// A server with a certificate that nobody signed has to be refused, and is accepted once it is known.
app.get('/tls', page(async (req, res) => {
  const https = await import('node:https');
  const { readFile } = await import('node:fs/promises');
  const pem = await readFile(new URL('self-signed.crt', import.meta.url));
  const server = https.createServer({ key: pem, cert: pem }, (_, answer) => answer.end('hush'));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const ask = (options) => new Promise((resolve) => {
    https.get({ host: 'localhost', port: server.address().port, agent: false, ...options }, (answer) => {
      answer.setEncoding('utf8').on('data', resolve);
    }).on('error', (error) => resolve(error.code));
  });
  const said = { stranger: await ask({}), known: await ask({ ca: pem }) };
  server.close();
  res.json(said);
}));

app.get('/legacy', page(async (req, res) => {
  const { createRequire } = await import('node:module');
  const require = createRequire(import.meta.url);
  res.json({ version: require('express/package.json').version.split('.')[0], mime: require('mime').lookup('a.webp') });
}));

app.get('/crash', () => {
  throw new Error('the kettle is empty');
});

app.use((req, res) => res.status(404).render('missing', { path: req.path }));
app.use((error, req, res, next) => res.status(error.status ?? 500).type('text').send(error.stack));

const port = Number(process.env.PORT ?? 3000);
const server = app.listen(port, () => console.log(`listening on port ${port}`));
process.on('SIGTERM', () => server.close(() => console.log('stopped')));
