// Uploads with Java: CLIENT PORT VERSION SIZE TRIES IS_CHUNKED IS_SECOND, one status a line.
// SPDX-License-Identifier: MIT
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509ExtendedTrustManager;

public class Upload {
    static class Anybody extends X509ExtendedTrustManager {
        public void checkClientTrusted(X509Certificate[] c, String a) {}
        public void checkServerTrusted(X509Certificate[] c, String a) {}
        public void checkClientTrusted(X509Certificate[] c, String a, java.net.Socket s) {}
        public void checkServerTrusted(X509Certificate[] c, String a, java.net.Socket s) {}
        public void checkClientTrusted(X509Certificate[] c, String a, SSLEngine e) {}
        public void checkServerTrusted(X509Certificate[] c, String a, SSLEngine e) {}
        public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
    }

    static String base;
    static int size;
    static boolean isChunked, isSecond;
    static SSLContext tls;

    static String modern() throws Exception {
        HttpClient client = HttpClient.newBuilder().sslContext(tls)
            .version(HttpClient.Version.HTTP_1_1).build();
        if (isSecond)
            client.send(HttpRequest.newBuilder(URI.create(base + "/open")).build(),
                        HttpResponse.BodyHandlers.discarding());
        byte[] body = new byte[size];
        HttpRequest.BodyPublisher publisher = isChunked
            ? HttpRequest.BodyPublishers.ofInputStream(
                () -> new java.io.ByteArrayInputStream(body))
            : HttpRequest.BodyPublishers.ofByteArray(body);
        HttpResponse<byte[]> answer = client.send(
            HttpRequest.newBuilder(URI.create(base + "/guarded")).POST(publisher).build(),
            HttpResponse.BodyHandlers.ofByteArray());
        return answer.statusCode() + (answer.body().length > 0 ? " True" : " False");
    }

    static HttpURLConnection open(String path) throws Exception {
        HttpURLConnection made = (HttpURLConnection) URI.create(base + path).toURL().openConnection();
        if (made instanceof HttpsURLConnection) {
            ((HttpsURLConnection) made).setSSLSocketFactory(tls.getSocketFactory());
            ((HttpsURLConnection) made).setHostnameVerifier((name, session) -> true);
        }
        return made;
    }

    static String classic() throws Exception {
        if (isSecond) {
            try (InputStream in = open("/open").getInputStream()) {
                in.readAllBytes();
            }
        }
        HttpURLConnection made = open("/guarded");
        made.setRequestMethod("POST");
        made.setDoOutput(true);
        if (isChunked)
            made.setChunkedStreamingMode(0);
        else
            made.setFixedLengthStreamingMode(size);
        byte[] piece = new byte[16384];
        try (OutputStream out = made.getOutputStream()) {
            for (int left = size; left > 0; left -= piece.length)
                out.write(piece, 0, Math.min(left, piece.length));
        }
        int status = made.getResponseCode();
        try (InputStream in = made.getErrorStream()) {
            return status + (in.readAllBytes().length > 0 ? " True" : " False");
        }
    }

    public static void main(String[] arguments) throws Exception {
        System.setProperty("jdk.internal.httpclient.disableHostnameVerification", "true");
        base = (arguments[2].equals("plain") ? "http" : "https") + "://127.0.0.1:" + arguments[1];
        if (!arguments[2].equals("plain")) {
            System.setProperty("jdk.tls.client.protocols", "TLSv" + arguments[2]);
            System.setProperty("https.protocols", "TLSv" + arguments[2]);
        }
        tls = SSLContext.getInstance("TLS");
        tls.init(null, new TrustManager[] {new Anybody()}, new SecureRandom());
        size = Integer.parseInt(arguments[3]);
        isChunked = arguments[5].equals("1");
        isSecond = arguments[6].equals("1");
        for (int i = 0; i < Integer.parseInt(arguments[4]); i++) {
            try {
                System.out.println(arguments[0].equals("modern") ? modern() : classic());
            } catch (Exception problem) {
                System.out.println(problem);
            }
        }
        System.exit(0); // the threads of the client stay
    }
}
