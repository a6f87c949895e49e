import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Array;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Types;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.regex.Pattern;
import org.postgresql.util.PSQLException;

/** The scenario by JDBC. */
public final class Scenario {
    private static final Pattern PARAMETER = Pattern.compile("\\$(\\d+)");

    private final Connection connection;
    private int passed;
    private int failed;

    private Scenario(Connection connection) {
        this.connection = connection;
    }

    public static void main(String[] arguments) throws Exception {
        Properties properties = new Properties();
        properties.setProperty("user", System.getenv("PGUSER"));
        properties.setProperty("password", System.getenv("PGPASSWORD"));
        // 1: a named prepared statement from the first call on. 0: never, as PgBouncer needs it.
        properties.setProperty("prepareThreshold", System.getenv("POOLED").equals("yes") ? "0" : "1");
        String url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE");
        try (Connection connection = DriverManager.getConnection(url, properties)) {
            System.out.println("client: JDBC " + connection.getMetaData().getDriverVersion());
            Scenario scenario = new Scenario(connection);
            for (JsonElement step : JsonParser.parseString(Files.readString(Path.of(System.getenv("SCENARIO")))).getAsJsonArray()) {
                scenario.play(step.getAsJsonObject());
            }
            System.out.println(scenario.passed + " passed, " + scenario.failed + " failed");
            System.exit(scenario.failed > 0 ? 1 : 0);
        }
    }

    private void play(JsonObject step) throws SQLException {
        String name = step.get("name").getAsString();
        if (!step.has("transaction")) {
            report(name, step);
            return;
        }
        connection.setAutoCommit(false);
        for (JsonElement inner : step.getAsJsonArray("transaction")) {
            report(name + ": " + inner.getAsJsonObject().get("name").getAsString(), inner.getAsJsonObject());
        }
        if (step.get("end").getAsString().equals("commit")) {
            connection.commit();
        } else {
            connection.rollback();
        }
        connection.setAutoCommit(true);
    }

    private void report(String name, JsonObject step) {
        String expected = (step.has("error") ? step.get("error") : step.get("rows")).toString();
        JsonElement got;
        try {
            got = call(step);
        } catch (PSQLException e) {
            got = error(e);
        } catch (SQLException e) {
            got = new JsonPrimitive(e.toString());
        }
        if (got.equals(JsonParser.parseString(expected))) {
            passed++;
            System.out.println("ok - " + name);
        } else {
            failed++;
            System.out.println("not ok - " + name + ": got " + got + ", expected " + expected);
        }
    }

    private JsonElement call(JsonObject step) throws SQLException {
        String sql = step.get("sql").getAsString();
        JsonArray parameters = step.getAsJsonArray("parameters");
        // JDBC's parameters are nothing but question marks.
        List<Integer> order = new ArrayList<>();
        String marks = PARAMETER.matcher(sql).replaceAll(found -> {
            order.add(Integer.parseInt(found.group(1)));
            return "?";
        });
        try (PreparedStatement statement = connection.prepareStatement(marks)) {
            for (int i = 0; i < order.size(); i++) {
                JsonObject parameter = parameters.get(order.get(i) - 1).getAsJsonObject();
                bind(statement, i + 1, parameter.get("type").getAsString(), parameter.get("value"));
            }
            JsonArray rows = new JsonArray();
            try (ResultSet result = statement.executeQuery()) {
                while (result.next()) {
                    rows.add(row(result));
                }
            }
            return rows;
        }
    }

    private void bind(PreparedStatement statement, int at, String type, JsonElement value) throws SQLException {
        boolean isNull = value.isJsonNull();
        switch (type) {
            case "text" -> statement.setString(at, isNull ? null : value.getAsString());
            case "int8" -> statement.setObject(at, isNull ? null : value.getAsLong(), Types.BIGINT);
            case "int4" -> statement.setObject(at, isNull ? null : value.getAsInt(), Types.INTEGER);
            case "bool" -> statement.setObject(at, isNull ? null : value.getAsBoolean(), Types.BOOLEAN);
            case "numeric" -> statement.setBigDecimal(at, isNull ? null : new BigDecimal(value.getAsString()));
            case "jsonb" -> statement.setObject(at, isNull ? null : value.toString(), Types.OTHER);
            case "text[]" -> statement.setArray(at, isNull ? null : connection.createArrayOf("text", elements(value, JsonElement::getAsString)));
            case "int8[]" -> statement.setArray(at, isNull ? null : connection.createArrayOf("bigint", elements(value, JsonElement::getAsLong)));
            default -> throw new IllegalArgumentException(type);
        }
    }

    private static Object[] elements(JsonElement array, java.util.function.Function<JsonElement, Object> read) {
        List<Object> elements = new ArrayList<>();
        array.getAsJsonArray().forEach(element -> elements.add(element.isJsonNull() ? null : read.apply(element)));
        return elements.toArray();
    }

    private static JsonObject row(ResultSet result) throws SQLException {
        ResultSetMetaData columns = result.getMetaData();
        JsonObject row = new JsonObject();
        for (int i = 1; i <= columns.getColumnCount(); i++) {
            row.add(columns.getColumnLabel(i), value(result, i, columns.getColumnTypeName(i)));
        }
        return row;
    }

    private static JsonElement value(ResultSet result, int i, String type) throws SQLException {
        Object value = switch (type) {
            case "int8" -> result.getObject(i, Long.class);
            case "int4" -> result.getObject(i, Integer.class);
            case "bool" -> result.getObject(i, Boolean.class);
            case "numeric" -> result.getBigDecimal(i);
            case "_text", "_int8" -> result.getArray(i);
            default -> result.getString(i);
        };
        if (value == null) {
            return JsonNull.INSTANCE;
        } else if (type.equals("jsonb")) {
            return JsonParser.parseString((String) value);
        } else if (value instanceof Array array) {
            JsonArray elements = new JsonArray();
            for (Object element : (Object[]) array.getArray()) {
                elements.add(element == null ? JsonNull.INSTANCE : new JsonPrimitive(element.toString()));
            }
            return elements;
        }
        return new JsonPrimitive(value instanceof BigDecimal number ? number.toPlainString() : value.toString());
    }

    private static JsonObject error(PSQLException e) {
        String detail = e.getServerErrorMessage() == null ? null : e.getServerErrorMessage().getDetail();
        JsonObject error = new JsonObject();
        error.addProperty("sqlstate", e.getSQLState());
        error.addProperty("token", detail == null ? e.getMessage() : detail.substring(0, Math.max(0, detail.indexOf(':'))));
        return error;
    }
}
