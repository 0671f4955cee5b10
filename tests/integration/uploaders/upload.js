// Uploads with node: PORT VERSION SIZE TRIES IS_CHUNKED IS_SECOND, one status a line.
// SPDX-License-Identifier: MIT
'use strict';
const [port, version, ...numbers] = process.argv.slice(2);
const [size, tries, isChunked, isSecond] = numbers.map(Number);
const client = require(version === 'plain' ? 'http' : 'https');
const PIECE = 16384;

function ask(agent, method, path, headers, write) {
  return new Promise((resolve) => {
    const options = {host: '127.0.0.1', port, path, method, headers, agent,
                     rejectUnauthorized: false};
    if (version !== 'plain')
      options.minVersion = options.maxVersion = 'TLSv' + version;
    const request = client.request(options, (answer) => {
      let length = 0;
      answer.on('data', (bytes) => { length += bytes.length; });
      answer.on('end', () => resolve(`${answer.statusCode} ${length > 0 ? 'True' : 'False'}`));
      answer.on('error', (error) => resolve(`answer ${error.code} ${error.message}`));
    });
    request.on('error', (error) => resolve(`request ${error.code} ${error.message}`));
    write(request);
  });
}

function upload(request) {
  let left = size;
  const more = () => {
    while (left > 0) {
      const length = Math.min(left, PIECE);
      left -= length;
      if (!request.write(Buffer.alloc(length))) {
        request.once('drain', more);
        return;
      }
    }
    request.end();
  };
  more();
}

(async () => {
  for (let i = 0; i < tries; i++) {
    const agent = new client.Agent({keepAlive: true});
    if (isSecond)
      await ask(agent, 'GET', '/open', {}, (request) => request.end());
    const headers = isChunked ? {} : {'Content-Length': size};
    console.log(await ask(agent, 'POST', '/guarded', headers, upload));
    agent.destroy();
  }
})();
