package shop;

import java.util.function.Supplier;

/** Found by the service loader alone. */
public class Cup implements Supplier<String> {
    public String get() {
        return "cup";
    }
}
