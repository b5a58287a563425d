package shop;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.text.NumberFormat;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.ResourceBundle;
import java.util.ServiceLoader;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import javax.crypto.Cipher;
import javax.crypto.KeyGenerator;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.xpath.XPathFactory;

/** What the pages say; each uses another part of the runtime. */
class Pages {
    static String resources() throws Exception {
        try (InputStream in = Pages.class.getResourceAsStream("menu.txt")) {
            return new String(in.readAllBytes(), "UTF-8").trim();
        }
    }

    @SuppressWarnings("rawtypes")
    static String services() {
        TreeSet<String> names = new TreeSet<>();
        for (Supplier s : ServiceLoader.load(Supplier.class)) {
            names.add(s.get().toString());
        }
        return names.toString();
    }

    static String words() {
        StringBuilder said = new StringBuilder();
        for (String tag : List.of("de", "ja", "en")) {
            said.append(ResourceBundle.getBundle("shop.words", Locale.forLanguageTag(tag)).getString("greeting")).append("; ");
        }
        return said.toString();
    }

    static String zones() {
        ZonedDateTime noon = ZonedDateTime.of(2024, 7, 1, 12, 0, 0, 0, ZoneId.of("UTC"));
        DateTimeFormatter format = DateTimeFormatter.ofPattern("HH:mm zzz", Locale.ENGLISH);
        return noon.withZoneSameInstant(ZoneId.of("Europe/Berlin")).format(format) + ", "
                + noon.withZoneSameInstant(ZoneId.of("Asia/Kathmandu")).format(format) + ", "
                + (ZoneId.getAvailableZoneIds().size() > 500);
    }

    static String locale() {
        ZonedDateTime noon = ZonedDateTime.of(2024, 7, 1, 12, 0, 0, 0, ZoneId.of("UTC"));
        return NumberFormat.getCurrencyInstance(Locale.GERMANY).format(1234.5) + ", "
                + DateTimeFormatter.ofPattern("EEEE d. MMMM", Locale.GERMAN).format(noon) + ", "
                + DateTimeFormatter.ofPattern("EEEE", Locale.JAPANESE).format(noon);
    }

    static String charsets() throws Exception {
        StringBuilder said = new StringBuilder();
        for (String name : List.of("Shift_JIS", "GB18030", "EUC-KR", "IBM037")) {
            said.append(name).append('=').append(HexFormat.of().formatHex("茶a".getBytes(Charset.forName(name)))).append(' ');
        }
        return said.toString().trim();
    }

    static String crypto() throws Exception {
        byte[] hash = MessageDigest.getInstance("SHA3-256").digest("tea".getBytes("UTF-8"));
        KeyGenerator keys = KeyGenerator.getInstance("AES");
        keys.init(256, new SecureRandom());
        Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
        cipher.init(Cipher.ENCRYPT_MODE, keys.generateKey());
        return HexFormat.of().formatHex(hash).substring(0, 8) + " " + cipher.doFinal(new byte[16]).length;
    }

    static String authorities() throws Exception {
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init((KeyStore) null);
        int many = ((X509TrustManager) factory.getTrustManagers()[0]).getAcceptedIssuers().length;
        return (many > 50 ? "many" : "only " + many) + ", " + SSLContext.getDefault().getProtocol();
    }

    static String xml() throws Exception {
        var document = DocumentBuilderFactory.newInstance().newDocumentBuilder()
                .parse(new ByteArrayInputStream("<menu><dish price='4'>soup</dish><dish price='9'>pie</dish></menu>".getBytes()));
        return XPathFactory.newInstance().newXPath().evaluate("//dish[@price > 5]", document);
    }

    static String zip() throws Exception {
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        try (GZIPOutputStream out = new GZIPOutputStream(packed)) {
            out.write("tea ".repeat(100).getBytes());
        }
        return "" + new GZIPInputStream(new ByteArrayInputStream(packed.toByteArray())).readAllBytes().length;
    }

    static String process() throws Exception {
        Process child = new ProcessBuilder("sh", "-c", "echo tea | tr a-z A-Z").start();
        return new String(child.getInputStream().readAllBytes()).trim() + " " + child.waitFor();
    }

    static String files() throws Exception {
        Path file = Files.createTempFile("shop", ".txt");
        Files.writeString(file, "tea");
        String type = Files.probeContentType(Path.of("a.html"));
        String said = Files.getOwner(file) + " " + Files.getPosixFilePermissions(file).size() + " " + type;
        Files.delete(file);
        return said;
    }

    static String network() throws Exception {
        HttpResponse<String> answer = HttpClient.newHttpClient().send(
                HttpRequest.newBuilder(URI.create("http://localhost:8080/")).build(), HttpResponse.BodyHandlers.ofString());
        return InetAddress.getByName("localhost").isLoopbackAddress() + " " + answer.statusCode() + " " + answer.body().trim();
    }

    static String threads() throws Exception {
        int sum = IntStream.rangeClosed(1, 1000).parallel().sum();
        return sum + " " + CompletableFuture.supplyAsync(() -> "later").get();
    }

    static String machine() {
        return System.getProperty("user.name") + " " + System.getProperty("user.home") + " "
                + System.getProperty("java.version").split("\\.")[0] + " " + ManagementFactory.getRuntimeMXBean().getVmName();
    }

    static String reflection() throws Exception {
        return Class.forName("java.util." + "ArrayDeque").getDeclaredConstructor().newInstance().toString()
                + ProcessHandle.current().info().command().orElse("?");
    }

    static String crash() {
        throw new IllegalStateException("the kettle is empty");
    }
}
