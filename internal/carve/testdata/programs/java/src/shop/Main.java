package shop;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Executors;
import java.util.logging.Logger;

/** A small web service; each page is a method of {@link Pages}. */
public class Main {
    private static final Logger LOG = Logger.getLogger("shop");

    interface Page {
        String answer() throws Exception;
    }

    static final Map<String, Page> PAGES = new TreeMap<>(Map.ofEntries(
            Map.entry("/", () -> "Hello from Java"),
            Map.entry("/resources", Pages::resources),
            Map.entry("/services", Pages::services),
            Map.entry("/words", Pages::words),
            Map.entry("/zones", Pages::zones),
            Map.entry("/locale", Pages::locale),
            Map.entry("/charsets", Pages::charsets),
            Map.entry("/crypto", Pages::crypto),
            Map.entry("/authorities", Pages::authorities),
            Map.entry("/xml", Pages::xml),
            Map.entry("/zip", Pages::zip),
            Map.entry("/process", Pages::process),
            Map.entry("/files", Pages::files),
            Map.entry("/network", Pages::network),
            Map.entry("/threads", Pages::threads),
            Map.entry("/machine", Pages::machine),
            Map.entry("/reflection", Pages::reflection),
            Map.entry("/crash", Pages::crash)));

    public static void main(String[] args) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress(8080), 0);
        server.createContext("/", Main::handle);
        server.setExecutor(Executors.newFixedThreadPool(4));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("stopped")));
        server.start();
        LOG.info("listening on port 8080");
    }

    static void handle(HttpExchange exchange) throws IOException {
        Page page = PAGES.get(exchange.getRequestURI().getPath());
        int code = 200;
        String text;
        try {
            if (page == null) {
                code = 404;
                text = "no such page";
            } else {
                text = page.answer();
            }
        } catch (Throwable problem) {
            code = 500;
            StringWriter trace = new StringWriter();
            problem.printStackTrace(new PrintWriter(trace));
            text = trace.toString();
            LOG.warning("broken: " + problem);
        }
        byte[] body = (text + "\n").getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(code, body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }
}
